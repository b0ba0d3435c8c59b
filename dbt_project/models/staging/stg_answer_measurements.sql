-- Grain: one row per current panel answer and measurement in it that is a number (vital signs and the like).
with answers as (

    select * from {{ source('nurse_conversations', 'question_answers') }}

),

panels as (

    select id as answer_id, upload_id, question_id, answer_value
    from answers
    where is_current
      and not is_phi
      and is_valid
      and value_type = 'panel'
      and state = 'answered'
      and jsonb_typeof(answer_value) = 'object'

),

parts as (

    select
        panels.answer_id,
        panels.upload_id,
        panels.question_id,
        part.name as measurement,
        -- a measurement with a choice of units is {"value": 37.2, "unit": "C"}, any other is the number itself
        case jsonb_typeof(part.value) when 'object' then part.value -> 'value' else part.value end as number,
        case jsonb_typeof(part.value) when 'object' then part.value ->> 'unit' end as value_unit
    from panels
    cross join lateral jsonb_each(panels.answer_value) as part (name, value)

),

final as (

    select
        answer_id,
        upload_id,
        question_id,
        measurement,
        (number #>> '{}')::double precision as value_number,
        value_unit
    from parts
    where jsonb_typeof(number) = 'number'

)

select * from final
