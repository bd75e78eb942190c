-- Grain    one row: keys of single bets that were served at the earlier of two instants, and for their age no more at the later
-- Reads    changelog: rows of the instants at which such a key was newest, by the index on instants, and what came after of each
-- Params   since, until, ttl
-- Format   key, changelog
select count(*)
from {changelog} as newest
where
    event_timestamp <= %(since)s and event_timestamp >= %(since)s - %(ttl)s::interval
    and event_timestamp < %(until)s - %(ttl)s::interval
    and not exists (
        select
        from {changelog} as later
        where
            later.{key} = newest.{key} and later.event_timestamp > newest.event_timestamp
            and later.event_timestamp <= %(until)s
    )
