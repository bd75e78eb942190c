-- Grain    one row: the last judgement with how its checks came out, or none, and how many runs were ever published over a failed one
-- Reads    ops.gates, ops.gate_results
select
    gates.run_id, gates.state, reason, overridden_by, judged_at,
    (select count(*) from ops.gates where state = 'overridden' and run_id in (select run_id from ops.gate_results)) as overridden,
    counted.*
from (select * from ops.gates order by run_id desc limit 1) as gates
cross join lateral (
    select
        count(*) as checks,
        count(*) filter (where results.state <> 'not judged') as judged,
        count(*) filter (where results.state = 'failed') as failed,
        count(*) filter (where results.state = 'warned') as warned
    from ops.gate_results as results where results.run_id = gates.run_id
) as counted
