-- Grain    one row per event after a position, the oldest first; none that an open transaction could still get in before
-- Reads    ops.lineage_events
-- Params   after, limit
select position, event
from ops.lineage_events
where position > %(after)s and written_by < pg_snapshot_xmin(pg_current_snapshot())
order by position
limit %(limit)s
