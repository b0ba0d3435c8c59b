-- Grain: one row per upload that is not erased: who recorded it and about which encounter.
{{ config(
    indexes=[{'columns': ['upload_id'], 'unique': true}, {'columns': ['nurse_id', 'week']}],
    pre_hook="{{ delete_changed_uploads(ref('conversations'), 'id', 'upload_id') }}",
) }}

with conversations as (

    select * from {{ ref('conversations') }}

),

uploads as (

    select * from {{ ref('stg_conversation_uploads') }}

),

changed_conversations as (

    select *
    from conversations
    where status <> 'erased'
      and {{ is_missing('conversations.id', 'upload_id') }}

),

final as (

    select
        uploads.upload_id,
        changed_conversations.week,
        uploads.nurse_id,
        uploads.encounter_id,
        changed_conversations.source_version
    from changed_conversations
    inner join uploads
        on changed_conversations.id = uploads.upload_id and uploads.status <> 'erased'

)

select * from final
