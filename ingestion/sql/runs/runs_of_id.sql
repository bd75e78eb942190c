-- Grain    one row per run whose id lies between two, the last one first
-- Reads    ops.runs
-- Params   lowest, highest, limit
select run_id, verb, started_at
from ops.runs
where run_id between %(lowest)s and %(highest)s
order by run_id desc
limit %(limit)s
