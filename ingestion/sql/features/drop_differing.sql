-- Grain    one row per change row that the replay does not have, or has otherwise
-- Reads    replayed
-- Writes   stored
delete from {stored} as stored
where not exists (
    select from {replayed} as replayed
    where stored.{key} = replayed.{key} and stored.event_timestamp = replayed.event_timestamp and not ({differs})
)
