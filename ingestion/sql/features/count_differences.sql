-- Grain    one row: rows compared, and keys and instants at which the change rows and their replay differ or one is missing
-- Reads    stored, replayed
select count(*), count(*) filter (where stored.{key} is null or replayed.{key} is null or {differs})
from {stored} as stored
full join {replayed} as replayed
    on stored.{key} = replayed.{key} and stored.event_timestamp = replayed.event_timestamp
