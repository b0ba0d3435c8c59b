-- Grain: one row per answer and measurement inside it: the vital signs, one number a row.
{{ config(
    indexes=[
        {'columns': ['answer_id', 'measurement'], 'unique': true},
        {'columns': ['measurement', 'week']},
        {'columns': ['upload_id']},
    ],
    pre_hook="{{ delete_changed_uploads(ref('conversations'), 'id', 'upload_id') }}",
) }}

with answers as (

    select * from {{ ref('answers') }}

),

measurements as (

    select * from {{ ref('stg_answer_measurements') }}

),

changed_answers as (

    select *
    from answers
    where value_type = 'panel'
      and {{ is_missing('answers.upload_id', 'upload_id') }}

),

final as (

    select
        measurements.answer_id,
        changed_answers.upload_id,
        measurements.question_id,
        measurements.measurement,
        changed_answers.week,
        changed_answers.unit,
        changed_answers.profile,
        measurements.value_number,
        measurements.value_unit,
        changed_answers.confidence_score,
        changed_answers.is_confident,
        changed_answers.source_version
    from changed_answers
    inner join measurements on changed_answers.answer_id = measurements.answer_id

)

select * from final
