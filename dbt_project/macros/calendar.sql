{# The IANA time zone in which days and weeks are cut. #}
{% macro time_zone() -%}
    {{ var('timezone', env_var('NURSECONV_TIMEZONE', 'UTC')) }}
{%- endmacro %}

{# The local calendar day of a timestamptz. #}
{% macro local_day(at) -%}
    ({{ at }} at time zone '{{ time_zone() }}')::date
{%- endmacro %}

{# The Monday of the local ISO week of a timestamptz. #}
{% macro local_week(at) -%}
    date_trunc('week', {{ at }} at time zone '{{ time_zone() }}')::date
{%- endmacro %}

{# Seconds from one timestamptz to another. #}
{% macro seconds_between(start, finish) -%}
    extract(epoch from {{ finish }} - {{ start }})::double precision
{%- endmacro %}
