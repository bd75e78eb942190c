-- Grain    one row: the newest judgement over the features, or none
-- Reads    ops.gates, ops.gate_results
select gates.run_id, gates.state, gates.judged_at, string_agg(distinct results.gate, ', ' order by results.gate) as failed
from ops.gates as gates
left join ops.gate_results as results on results.run_id = gates.run_id and results.state = 'failed'
group by gates.run_id
order by gates.run_id desc
limit 1
