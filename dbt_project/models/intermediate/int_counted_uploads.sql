-- Grain: one row per upload: those of `conversations`, and the erased ones, which are counted and have no row there.
-- An upload that was erased since `conversations` was built counts as what it was until the next build.
with conversations as (

    select * from {{ ref('conversations') }}

),

uploads as (

    select * from {{ ref('stg_conversation_uploads') }}

),

erased as (

    select
        upload_id as id,
        status,
        unit,
        {{ local_day('arrived_at') }} as day,
        {{ local_week('arrived_at') }} as week,
        source_version
    from uploads
    where status = 'erased'
      and not exists (select 1 from conversations where conversations.id = uploads.upload_id)

),

final as (

    select
        id,
        status,
        unit,
        day,
        week,
        outcome,
        failed_stage,
        duration_s,
        lag_s,
        processing_s,
        transcription_s,
        real_time_factor,
        {%- for score in score_columns() %}
        {{ score }},
        {%- endfor %}
        source_version
    from conversations

    union all

    select
        id,
        status,
        unit,
        day,
        week,
        null as outcome,
        null as failed_stage,
        null as duration_s,
        null as lag_s,
        null as processing_s,
        null as transcription_s,
        null as real_time_factor,
        {%- for score in score_columns() %}
        null as {{ score }},
        {%- endfor %}
        source_version
    from erased

)

select * from final
