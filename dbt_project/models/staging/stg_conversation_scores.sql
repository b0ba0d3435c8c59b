-- Grain: one row per upload that has scores, its current ones.
with scores as (

    select * from {{ source('nurse_conversations', 'conversation_scores') }}

),

dated as (

    select
        *,
        min(calculated_at) over (partition by upload_id) as first_calculated_at
    from scores

),

final as (

    select
        upload_id,
        {%- for score in score_columns() %}
        {{ score }},
        {%- endfor %}
        questions_answered,
        questions_total,
        high_confidence_answers,
        answers_requiring_review,
        score_version,
        catalogue_version,
        first_calculated_at
    from dated
    where is_current

)

select * from final
