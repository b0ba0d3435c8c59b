-- Grain: one row per upload that has a transcript, its current one. The words stay behind.
with transcriptions as (

    select * from {{ source('nurse_conversations', 'conversation_transcriptions') }}

),

final as (

    select
        upload_id,
        outcome,
        language,
        processing_time_s as transcription_s
    from transcriptions
    where is_current

)

select * from final
