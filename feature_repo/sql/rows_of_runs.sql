-- Grain    one row per key that these runs wrote to: the newest of what they wrote
-- Reads    changelog, by its index on run_id
-- Params   runs; since: the instant from which on rows are served, null for all
select distinct on ({key}) {columns}
from {changelog}
where run_id = any(%(runs)s) and (%(since)s::timestamptz is null or event_timestamp >= %(since)s)
order by {key}, event_timestamp desc
