{#
    Readers may look into the schemas of this run. What they may select there is the `grants` config in
    dbt_project.yml, which dbt applies in the transaction that makes each table. The roles come from the migrations.
#}
{% macro grant_schema_usage(schemas) %}
    {%- set readers = {'marts': 'nurseconv_bi, nurseconv_people', 'marts_people': 'nurseconv_people'} -%}
    {%- if flags.WHICH in ('run', 'build') -%}
        {%- for schema in schemas if schema in readers %}
            grant usage on schema {{ adapter.quote(schema) }} to {{ readers[schema] }};
        {%- endfor %}
    {%- endif -%}
{% endmacro %}
