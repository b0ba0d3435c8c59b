-- Grain: one row per question and week of arrival. Recordings without speech are not in it.
{{ config(
    indexes=[{'columns': ['week', 'question_id'], 'unique': true}],
    pre_hook="{{ delete_changed_periods(ref('answers'), 'answer_id', 'week') }}",
) }}

with answers as (

    select * from {{ ref('answers') }}

),

weeks as (

    {{ fingerprints(ref('answers'), 'answer_id', 'week') }}

),

changed_weeks as (

    select *
    from weeks
    where {{ is_missing('weeks.week', 'week') }}

),

counted as (

    select
        week,
        question_id,
        changed_weeks.fingerprint,
        mode() within group (order by category) as category,
        count(*) as conversations,
        count(*) filter (where state not in ('not_asked', 'not_applicable')) as asked,
        count(*) filter (where state = 'not_asked') as missed,
        count(*) filter (where state = 'not_applicable') as not_applicable,
        count(*) filter (where state = 'answered') as answered,
        count(*) filter (where state = 'denied') as denied,
        count(*) filter (where state = 'asked_no_answer') as asked_no_answer,
        count(*) filter (where state = 'declined') as declined,
        count(*) filter (where state = 'unable') as unable,
        count(*) filter (where state = 'conflicting') as conflicting,
        count(*) filter (where needs_review) as needs_review
    from answers
    inner join changed_weeks using (week)
    group by week, question_id, changed_weeks.fingerprint

),

final as (

    select
        week,
        question_id,
        category,
        conversations,
        asked,
        missed,
        not_applicable,
        answered,
        denied,
        asked_no_answer,
        declined,
        unable,
        conflicting,
        needs_review,
        {{ ratio('asked', 'asked + missed') }} as asked_rate,
        {{ ratio('answered + denied', 'asked') }} as answered_rate,
        {{ ratio('needs_review', 'conversations') }} as review_rate,
        fingerprint
    from counted

)

select * from final
