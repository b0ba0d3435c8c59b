-- Days whose arrivals are not the uploads of that day.
{{ config(meta={'dagster': {'ref': {'name': 'pipeline_days'}}}) }} -- a check of this asset in Dagster
with uploads as (

    select * from {{ ref('int_counted_uploads') }}

),

pipeline_days as (

    select * from {{ ref('pipeline_days') }}

),

expected as (

    select day, count(*) as n_arrived
    from uploads
    group by day

)

select day
from expected
full join pipeline_days using (day)
where expected.n_arrived is distinct from pipeline_days.arrived
