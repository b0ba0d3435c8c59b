-- Grain: one row per unit and week of arrival; uploads that name no unit make a row with a null unit.
{{ config(
    indexes=[{'columns': ['unit_week_id'], 'unique': true}, {'columns': ['week', 'unit']}],
    pre_hook="{{ delete_changed_periods(ref('int_counted_uploads'), 'id', 'week') }}",
) }}

with uploads as (

    select * from {{ ref('int_counted_uploads') }}

),

weeks as (

    {{ fingerprints(ref('int_counted_uploads'), 'id', 'week') }}

),

changed_weeks as (

    select *
    from weeks
    where {{ is_missing('weeks.week', 'week') }}

),

final as (

    select
        md5(concat_ws('|', week, unit)) as unit_week_id,
        week,
        unit,
        count(*) as conversations,
        count(*) filter (where status = 'completed') as completed,
        count(*) filter (where status = 'failed') as failed,
        count(*) filter (where status = 'rejected') as rejected,
        count(*) filter (where status = 'cancelled') as cancelled,
        count(*) filter (where status = 'erased') as erased,
        count(*) filter (where status in ('pending', 'processing')) as in_work,
        count(*) filter (where outcome = 'no_speech') as no_speech,
        count(overall_score) as scored,
        {%- for score in score_columns() %}
        avg({{ score }}) as mean_{{ score }},
        {%- endfor %}
        percentile_cont(0.5) within group (order by overall_score) as median_overall_score,
        coalesce(sum(duration_s), 0) / 3600 as audio_hours,
        changed_weeks.fingerprint
    from uploads
    inner join changed_weeks using (week)
    group by week, unit, changed_weeks.fingerprint

)

select * from final
