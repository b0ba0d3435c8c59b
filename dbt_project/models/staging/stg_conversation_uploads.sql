-- Grain: one row per upload. File names and hashes stay behind.
with uploads as (

    select * from {{ source('nurse_conversations', 'conversation_uploads') }}

),

final as (

    select
        id as upload_id,
        status,
        stage,
        kind,
        priority,
        unit,
        profile,
        nurse_id,
        encounter_id,
        language as stated_language,
        duration_s,
        error_code,
        created_at as arrived_at,
        processing_started_at,
        processing_completed_at,
        updated_at as source_updated_at,
        {{ source_version('updated_at') }} as source_version
    from uploads

)

select * from final
