-- Grain    one row per check of this run
-- Reads    ops.gate_results
-- Params   run_id
select gate, scope, severity, state, value, threshold, rows, note, query, examples
from ops.gate_results
where run_id = %(run_id)s
order by position
