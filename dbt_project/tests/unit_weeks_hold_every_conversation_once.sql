-- Weeks of uploads whose parts do not add up to the uploads of that week.
{{ config(meta={'dagster': {'ref': {'name': 'unit_weeks'}}}) }} -- a check of this asset in Dagster
with uploads as (

    select * from {{ ref('int_counted_uploads') }}

),

unit_weeks as (

    select * from {{ ref('unit_weeks') }}

),

expected as (

    select week, count(*) as n_conversations
    from uploads
    group by week

),

found as (

    select
        week,
        sum(conversations) as n_conversations,
        sum(completed + failed + rejected + cancelled + erased + in_work) as n_parts
    from unit_weeks
    group by week

)

select week
from expected
full join found using (week)
where expected.n_conversations is distinct from found.n_conversations
   or found.n_conversations is distinct from found.n_parts
