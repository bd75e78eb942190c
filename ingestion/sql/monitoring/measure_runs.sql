-- Grain    one row per metric and set of labels: name, labels, value
-- Reads    ops.runs, ops.run_steps
with newest as (
    select distinct on (verb) run_id, verb, started_at, finished_at
    from ops.runs
    where state in ('done', 'refused', 'failed')
    order by verb, run_id desc
)

-- Every state of a verb from the start, at 0: of a counter that appears at 1, Prometheus sees no increase.
select 'pikkit_runs_total' as name, jsonb_build_object('verb', verb, 'state', ended.state) as labels, count(run_id)::float8 as value
from (select 'run' as verb union select verb from ops.runs) as verbs
cross join unnest(array['done', 'refused', 'failed', 'died']) as ended (state)
left join ops.runs using (verb, state)
group by verb, ended.state
union all
select 'pikkit_last_run_timestamp_seconds', jsonb_build_object('verb', verb), extract(epoch from finished_at)
from newest
union all
select 'pikkit_last_success_timestamp_seconds', jsonb_build_object('verb', verb), extract(epoch from max(finished_at))
from ops.runs
where state = 'done'
group by verb
union all
select 'pikkit_run_duration_seconds', jsonb_build_object('verb', verb), extract(epoch from finished_at - started_at)
from newest
union all
select 'pikkit_step_duration_seconds', jsonb_build_object('verb', verb, 'step', step), sum(seconds)
from newest join ops.run_steps using (run_id)
group by verb, step
