-- Grain    one row per run that published and copied, of the verb `run`, the last one first; at most two: its id and its clock
-- Reads    ops.runs
select run_id, now
from ops.runs
where verb = 'run' and state = 'done'
order by run_id desc
limit 2
