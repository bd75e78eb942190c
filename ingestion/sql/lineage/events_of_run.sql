-- Grain    one row per event of the run, in the order in which they were written
-- Reads    ops.lineage_events
-- Params   run_id
select position, job, event_type, event_time, event, is_whole
from ops.lineage_events
where run_id = %(run_id)s
order by position
