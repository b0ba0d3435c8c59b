-- Grain: one row per upload with speech and non-PHI question of its profile, the current answer.
-- Built from the rows of `conversations`, so that both always speak of the same uploads.
{{ config(
    indexes=[
        {'columns': ['upload_id', 'question_id'], 'unique': true},
        {'columns': ['question_id', 'week']},
    ],
    pre_hook="{{ delete_changed_uploads(ref('conversations'), 'id', 'upload_id') }}",
) }}

with conversations as (

    select * from {{ ref('conversations') }}

),

answers as (

    select * from {{ ref('stg_question_answers') }}

),

changed_conversations as (

    select *
    from conversations
    where outcome = 'speech'
      and {{ is_missing('conversations.id', 'upload_id') }}

),

final as (

    select
        answers.answer_id,
        answers.upload_id,
        answers.question_id,
        changed_conversations.week,
        changed_conversations.unit,
        changed_conversations.profile,
        answers.category,
        answers.value_type,
        answers.is_required,
        answers.is_safety_critical,
        answers.weight,
        answers.state,
        answers.value_number,
        answers.value_unit,
        answers.value_boolean,
        answers.value_choice,
        answers.n_items,
        answers.is_valid,
        answers.confidence_score,
        answers.is_confident,
        answers.needs_review,
        answers.n_evidence,
        answers.evidence_grade,
        answers.speaker_role,
        answers.provider,
        answers.model_name,
        answers.run_no,
        answers.catalogue_version,
        changed_conversations.source_version
    from changed_conversations
    inner join answers on changed_conversations.id = answers.upload_id

)

select * from final
