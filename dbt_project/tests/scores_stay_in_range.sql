-- Conversations with a score outside its scale: 0..100 for the overall score, 0..1 for all others.
with conversations as (

    select * from {{ ref('conversations') }}

)

select id
from conversations
where false
    {%- for score in score_columns() %}
   or {{ score }} not between 0 and {{ 100 if score == 'overall_score' else 1 }}
    {%- endfor %}
