-- Grain: one row per upload and question, the current answer. PHI questions, answer texts and quotes stay behind.
-- A value passes only when its state says there is one and it fits type, unit and plausible range.
with answers as (

    select * from {{ source('nurse_conversations', 'question_answers') }}

),

current_answers as (

    select
        *,
        case when is_valid and state in ('answered', 'denied') then answer_value end as valid_value
    from answers
    where is_current and not is_phi

),

final as (

    select
        id as answer_id,
        upload_id,
        question_id,
        category,
        value_type,
        is_required,
        is_safety_critical,
        weight,
        state,
        case
            when value_type in ('integer', 'number') and jsonb_typeof(valid_value) = 'number'
                then (valid_value #>> '{}')::double precision
            when value_type = 'quantity' and jsonb_typeof(valid_value -> 'value') = 'number'
                then (valid_value ->> 'value')::double precision
        end as value_number,
        case
            when value_type = 'quantity' and jsonb_typeof(valid_value -> 'value') = 'number'
                then valid_value ->> 'unit'
        end as value_unit,
        case
            when value_type = 'boolean' and jsonb_typeof(valid_value) = 'boolean'
                then (valid_value #>> '{}')::boolean
        end as value_boolean,
        case
            when value_type = 'choice' and jsonb_typeof(valid_value) = 'string'
                then valid_value #>> '{}'
        end as value_choice,
        case
            when jsonb_typeof(valid_value) = 'array' then jsonb_array_length(valid_value)
            when value_type = 'list' and state = 'denied' then 0
        end as n_items,
        is_valid,
        confidence_score,
        is_confident,
        needs_review,
        jsonb_array_length(evidence) as n_evidence,
        evidence_grade,
        speaker_role,
        provider,
        model_name,
        run_no,
        catalogue_version
    from current_answers

)

select * from final
