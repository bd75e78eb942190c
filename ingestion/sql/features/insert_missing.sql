-- Grain    one row per change row of the replay that is not stored
-- Reads    replayed
-- Writes   stored
-- Params   run_id
insert into {stored} ({columns}, run_id)
select {columns}, %(run_id)s
from {replayed} as replayed
where not exists (
    select from {stored} as stored
    where stored.{key} = replayed.{key} and stored.event_timestamp = replayed.event_timestamp
)
