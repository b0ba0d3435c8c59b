-- Days whose arrivals are not the conversations of that day.
with conversations as (

    select * from {{ ref('conversations') }}

),

pipeline_days as (

    select * from {{ ref('pipeline_days') }}

),

expected as (

    select day, count(*) as n_arrived
    from conversations
    group by day

)

select day
from expected
full join pipeline_days using (day)
where expected.n_arrived is distinct from pipeline_days.arrived
