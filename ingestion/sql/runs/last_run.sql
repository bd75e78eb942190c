-- Grain    one row: the run that began last, or none
-- Reads    ops.runs
select run_id, verb, state, source, now, started_at, finished_at, exit_code, error
from ops.runs
order by run_id desc
limit 1
