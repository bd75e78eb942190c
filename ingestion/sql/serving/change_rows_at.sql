-- Grain    one row per key and instant that is asked for and at which the key changed
-- Reads    changes
-- Params   keys, instants: parallel arrays
-- Format   columns, changes, key: of a view
select {columns}
from {changes}
join unnest(%(keys)s::text[], %(instants)s::timestamptz[]) as asked (key, instant)
    on {key} = asked.key and event_timestamp = asked.instant
