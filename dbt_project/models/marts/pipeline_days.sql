-- Grain: one row per day of arrival: what became of the uploads that arrived on it, and how long that took.
{{ config(
    indexes=[{'columns': ['day'], 'unique': true}],
    pre_hook="{{ delete_changed_periods(ref('int_counted_uploads'), 'id', 'day') }}",
) }}

with uploads as (

    select * from {{ ref('int_counted_uploads') }}

),

days as (

    {{ fingerprints(ref('int_counted_uploads'), 'id', 'day') }}

),

changed_days as (

    select *
    from days
    where {{ is_missing('days.day', 'day') }}

),

final as (

    select
        day,
        count(*) as arrived,
        count(*) filter (where status = 'completed') as completed,
        count(*) filter (where status = 'failed') as failed,
        count(*) filter (where status = 'rejected') as rejected,
        count(*) filter (where status = 'cancelled') as cancelled,
        count(*) filter (where status = 'erased') as erased,
        count(*) filter (where status in ('pending', 'processing')) as in_work,
        {%- for stage in ['uploads', 'transcriptions', 'answers', 'scores'] %}
        count(*) filter (where failed_stage = '{{ stage }}') as failed_at_{{ stage }},
        {%- endfor %}
        percentile_cont(0.5) within group (order by lag_s) as median_lag_s,
        percentile_cont(0.95) within group (order by lag_s) as p95_lag_s,
        coalesce(sum(duration_s), 0) as audio_s,
        coalesce(sum(processing_s), 0) as processing_s,
        coalesce(sum(transcription_s), 0) as transcription_s,
        {{ ratio(
            'sum(transcription_s) filter (where real_time_factor is not null)',
            'sum(duration_s) filter (where real_time_factor is not null)'
        ) }} as real_time_factor,
        changed_days.fingerprint
    from uploads
    inner join changed_days using (day)
    group by day, changed_days.fingerprint

)

select * from final
