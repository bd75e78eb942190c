-- Grain    one row per key: the instant of its newest change
-- Reads    changelog
-- Params   keys
select {key}, max(event_timestamp)
from {changelog}
where {key} = any(%(keys)s)
group by {key}
