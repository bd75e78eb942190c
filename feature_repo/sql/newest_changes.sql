-- Grain    one row per key: the instant of its newest change
-- Reads    changes
-- Params   keys
select {key}, max(event_timestamp)
from {changes}
where {key} = any(%(keys)s)
group by {key}
