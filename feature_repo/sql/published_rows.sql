-- Grain    one row per key and instant at which something is published of it
-- Reads    features.<view>
-- Params   keys, instants
select {key}, event_timestamp, run_id, {features}
from {history}
where {key} = any(%(keys)s) and event_timestamp = any(%(instants)s)
