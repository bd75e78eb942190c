-- Grain    one row per event after a position, the oldest first
-- Reads    ops.lineage_events
-- Params   after, limit
select position, event
from ops.lineage_events
where position > %(after)s
order by position
limit %(limit)s
