-- Grain    one row: keys of single bets that were served at the earlier of two instants, and for their age no more at the later
-- Reads    changelog, once
-- Params   since, until, ttl
-- Format   key, changelog
select count(*)
from (
    select max(event_timestamp) as newest
    from {changelog}
    where event_timestamp <= %(until)s
    group by {key}
) as held
where newest <= %(since)s and newest >= %(since)s - %(ttl)s::interval and newest < %(until)s - %(ttl)s::interval
