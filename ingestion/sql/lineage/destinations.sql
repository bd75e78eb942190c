-- Grain    one row per place that events are sent to: how many events of this run it has, and how many wait
-- Reads    ops.lineage_destinations, ops.lineage_events
-- Params   run_id
select
    destination,
    (select count(*) from ops.lineage_events where run_id = %(run_id)s and position <= sent_position) as sent,
    (select count(*) from ops.lineage_events where run_id = %(run_id)s and position > sent_position) as waiting,
    last_sent_at
from ops.lineage_destinations
order by destination
