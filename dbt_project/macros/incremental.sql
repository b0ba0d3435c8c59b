{#
    How marts stay right while only what changed is rebuilt.

    `source_version` is a text that differs whenever an upload changed, the time zone changed or `marts_version` was
    raised. Rows of an upload whose version is not the current one are deleted by a pre-hook, in the transaction that
    then appends what is missing. Weeks and days carry a `fingerprint` of the rows they were computed from, and go the
    same way. Nothing depends on the clock or on what an earlier build finished, so a build killed anywhere is mended by
    the next.
#}

{# The version of one upload as the marts would show it now. Epoch seconds do not depend on the session's time zone. #}
{% macro source_version(updated_at) -%}
    concat_ws(' ', extract(epoch from {{ updated_at }}), '{{ time_zone() }}', '{{ var("marts_version") }}')
{%- endmacro %}

{# Deletes the rows of uploads that changed or went away since these rows were written. #}
{% macro delete_changed_uploads(anchor, anchor_key, key) %}
    {%- if is_incremental() -%}
        delete from {{ this }} as mart
        where not exists (
            select 1
            from {{ anchor }} as anchor
            where anchor.{{ anchor_key }} = mart.{{ key }}
              and anchor.source_version = mart.source_version
        )
    {%- endif -%}
{% endmacro %}

{# True for uploads that have no row in this mart yet. #}
{% macro is_missing(key, mart_key) %}
    {%- if is_incremental() -%}
        not exists (select 1 from {{ this }} as mart where mart.{{ mart_key }} = {{ key }})
    {%- else -%}
        true
    {%- endif -%}
{% endmacro %}

{# Per period: a count and an order-free sum of hashes over the rows it is made of. #}
{% macro fingerprints(rows, row_key, period) -%}
    select
        {{ period }},
        concat_ws(
            ':', count(*), sum(hashtextextended(concat_ws('|', {{ row_key }}, source_version), 0)::numeric)
        ) as fingerprint
    from {{ rows }}
    group by {{ period }}
{%- endmacro %}

{# Deletes the periods that are made of other rows now. #}
{% macro delete_changed_periods(rows, row_key, period) %}
    {%- if is_incremental() -%}
        delete from {{ this }} as mart
        where not exists (
            select 1
            from ({{ fingerprints(rows, row_key, period) }}) as current_periods
            where current_periods.{{ period }} = mart.{{ period }}
              and current_periods.fingerprint = mart.fingerprint
        )
    {%- endif -%}
{% endmacro %}
