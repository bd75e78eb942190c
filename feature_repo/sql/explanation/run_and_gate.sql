-- Grain    one row per run that is asked for and has a record: what it was, and what its gate said
-- Reads    ops.runs, ops.gates, ops.gate_results
-- Params   runs
select
    runs.run_id, runs.verb, runs.state, runs.source, runs.now, runs.started_at, gates.state as gate, gates.reason,
    gates.overridden_by,
    count(results.gate) filter (where results.state = 'passed') as checks_passed,
    count(results.gate) filter (where results.state = 'warned') as checks_warned,
    count(results.gate) filter (where results.state = 'failed') as checks_failed
from ops.runs
left join ops.gates using (run_id)
left join ops.gate_results as results using (run_id)
where runs.run_id = any(%(runs)s::uuid[])
group by runs.run_id, gates.run_id
