-- Grain    one row: the judgement over the refresh of this run, or over the last one; none where nothing was judged
-- Reads    ops.gates, ops.runs
-- Params   run_id (null: the last one)
select
    gates.run_id, runs.verb, runs.source, gates.state, gates.reason, gates.overridden_by, gates.judged_at, gates.since_seq,
    gates.until_seq
from ops.gates join ops.runs using (run_id)
where %(run_id)s::uuid is null or run_id = %(run_id)s
order by run_id desc
limit 1
