-- Grain    one row: the run that started last, or none
-- Reads    ops.runs
select run_id, verb, state, source, now, started_at, finished_at, exit_code, error
from ops.runs
order by started_at desc
limit 1
