-- Grain    one row: the run that ended last, if nothing was measured for it yet; or none
-- Reads    ops.runs, ops.metrics
select run_id, now
from (select run_id, now from ops.runs where state <> 'running' order by run_id desc limit 1) as newest
where not exists (select from ops.metrics where metrics.run_id = newest.run_id)
