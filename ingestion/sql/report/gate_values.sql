-- Grain    one row per gate and scope: its values at the last judgements, the oldest first; null where it had none
-- Reads    ops.gates, ops.gate_results
-- Params   judgements: how many of the last ones
with judged as (
    select run_id from ops.gates order by run_id desc limit %(judgements)s
)

select gate, scope, array_agg(value order by run_id)
from ops.gate_results
join judged using (run_id)
group by gate, scope
