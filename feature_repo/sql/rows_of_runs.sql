-- Grain    one row per key that these runs wrote to: the newest of what they wrote
-- Reads    changes, by its index on run_id
-- Params   runs
select distinct on ({key}) {columns}
from {changes}
where run_id = any(%(runs)s)
order by {key}, event_timestamp desc
