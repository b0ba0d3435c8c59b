-- Grain: one row per upload that is not erased, whatever became of it. `int_counted_uploads` counts the erased ones.
{{ config(
    indexes=[{'columns': ['id'], 'unique': true}, {'columns': ['week']}],
    pre_hook="{{ delete_changed_uploads(ref('stg_conversation_uploads'), 'upload_id', 'id') }}",
) }}

with uploads as (

    select * from {{ ref('stg_conversation_uploads') }}

),

transcriptions as (

    select * from {{ ref('stg_conversation_transcriptions') }}

),

scores as (

    select * from {{ ref('stg_conversation_scores') }}

),

changed_uploads as (

    select *
    from uploads
    where status <> 'erased'
      and {{ is_missing('uploads.upload_id', 'id') }}

),

results as (

    select
        changed_uploads.*,
        {{ local_day('changed_uploads.arrived_at') }} as day,
        {{ local_week('changed_uploads.arrived_at') }} as week,
        changed_uploads.duration_s as audio_s,
        transcriptions.outcome,
        coalesce(transcriptions.language, stated_language) as language,
        transcriptions.transcription_s,
        {%- for score in score_columns() %}
        scores.{{ score }},
        {%- endfor %}
        scores.questions_answered,
        scores.questions_total,
        scores.high_confidence_answers,
        scores.answers_requiring_review,
        scores.score_version,
        scores.catalogue_version,
        -- a re-run completes again later; lag and processing time are about the first time through
        coalesce(
            scores.first_calculated_at,
            case when status = 'completed' then processing_completed_at end
        ) as first_result_at
    from changed_uploads
    left join transcriptions
        on changed_uploads.upload_id = transcriptions.upload_id
    left join scores
        on changed_uploads.upload_id = scores.upload_id

),

final as (

    select
        upload_id as id,
        status,
        kind,
        priority,
        unit,
        profile,
        arrived_at,
        day,
        week,
        audio_s as duration_s,
        outcome,
        language,
        {%- for score in score_columns() %}
        {{ score }},
        {%- endfor %}
        questions_answered,
        questions_total,
        high_confidence_answers,
        answers_requiring_review,
        score_version,
        catalogue_version,
        processing_started_at,
        first_result_at,
        processing_completed_at,
        {{ seconds_between('arrived_at', 'first_result_at') }} as lag_s,
        {{ seconds_between('processing_started_at', 'first_result_at') }} as processing_s,
        transcription_s,
        case when kind = 'audio' then {{ ratio('transcription_s', 'audio_s') }} end as real_time_factor,
        case when status = 'failed' then stage end as failed_stage,
        case when status in ('failed', 'rejected') then error_code end as error_code,
        source_updated_at,
        source_version
    from results

)

select * from final
