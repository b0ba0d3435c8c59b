{# Fails for each combination of these columns that stands in more than one row. #}
{% test is_unique_together(model, columns) %}

select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
