-- Grain    one row per group
-- Reads    features.group_state
-- Params   groupings, keys: parallel arrays
select group_state.*
from unnest(%(groupings)s::text[], %(keys)s::text[]) as wanted (grouping, key)
join features.group_state using (grouping, key)
