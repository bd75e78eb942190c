-- Grain    one row: the last judgement, or none, and how many runs were ever published over a failed one since there are gates
-- Reads    ops.gates, ops.gate_results
select
    run_id, state, reason, overridden_by, judged_at,
    (select count(*) from ops.gates where state = 'overridden' and run_id in (select run_id from ops.gate_results)) as overridden
from ops.gates
order by run_id desc
limit 1
