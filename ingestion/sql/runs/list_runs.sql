-- Grain    one row per run, the last one first
-- Reads    ops.runs, ops.gates, ops.run_steps
-- Params   limit, run_id (null: any)
select
    run_id, verb, runs.state, gates.state as gate, gates.reason, gates.overridden_by, source, code_version, now,
    started_at, finished_at,
    counts, exit_code, error,
    coalesce((
        select jsonb_agg(jsonb_build_object('step', step, 'seconds', seconds, 'counts', steps.counts) order by position)
        from ops.run_steps as steps where steps.run_id = runs.run_id
    ), '[]') as steps
from ops.runs left join ops.gates using (run_id)
where %(run_id)s::uuid is null or run_id = %(run_id)s
order by run_id desc
limit %(limit)s
