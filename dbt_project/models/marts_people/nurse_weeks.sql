-- Grain: one row per nurse and week of arrival. Means and intervals are published only from a number of
-- conversations on (`min_conversations_per_person`); below it they are null, whatever they are.
{{ config(
    indexes=[{'columns': ['week', 'nurse_id'], 'unique': true}],
    pre_hook="{{ delete_changed_periods(ref('conversation_people'), 'upload_id', 'week') }}",
) }}

with people as (

    select * from {{ ref('conversation_people') }}

),

conversations as (

    select * from {{ ref('conversations') }}

),

weeks as (

    {{ fingerprints(ref('conversation_people'), 'upload_id', 'week') }}

),

changed_weeks as (

    select *
    from weeks
    where {{ is_missing('weeks.week', 'week') }}

),

measured as (

    select
        people.week,
        people.nurse_id,
        changed_weeks.fingerprint,
        count(*) as conversations,
        {%- for score in ['overall_score', 'completeness_score'] %}
        count({{ score }}) as n_{{ score }},
        avg({{ score }}) as mean_{{ score }},
        {{ mean_margin(score) }} as margin_{{ score }}{{ ',' if not loop.last }}
        {%- endfor %}
    from people
    inner join changed_weeks using (week)
    inner join conversations on people.upload_id = conversations.id
    where people.nurse_id is not null
    group by people.week, people.nurse_id, changed_weeks.fingerprint

),

final as (

    select
        week,
        nurse_id,
        conversations,
        {%- for score, highest in [('overall_score', 100), ('completeness_score', 1)] %}
        {%- set is_published = 'n_' ~ score ~ ' >= ' ~ var('min_conversations_per_person') %}
        n_{{ score }},
        case when {{ is_published }} then mean_{{ score }} end as mean_{{ score }},
        case
            when {{ is_published }} then greatest(mean_{{ score }} - margin_{{ score }}, 0)
        end as low_{{ score }},
        case
            when {{ is_published }} then least(mean_{{ score }} + margin_{{ score }}, {{ highest }})
        end as high_{{ score }},
        {%- endfor %}
        fingerprint
    from measured

)

select * from final
