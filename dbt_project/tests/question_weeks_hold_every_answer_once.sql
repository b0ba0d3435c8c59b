-- Weeks of answers whose states do not add up to the answers of that week.
{{ config(meta={'dagster': {'ref': {'name': 'question_weeks'}}}) }} -- a check of this asset in Dagster
with answers as (

    select * from {{ ref('answers') }}

),

question_weeks as (

    select * from {{ ref('question_weeks') }}

),

expected as (

    select week, question_id, count(*) as n_answers
    from answers
    group by week, question_id

),

found as (

    select week, question_id, conversations as n_answers, asked + missed + not_applicable as n_parts
    from question_weeks

)

select week, question_id
from expected
full join found using (week, question_id)
where expected.n_answers is distinct from found.n_answers
   or found.n_answers is distinct from found.n_parts
