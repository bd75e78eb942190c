-- Grain    one row per retried version that is sound: settled by the version that it became, or that had the same content already
-- Reads    pg_temp.retried, raw.bet_versions
-- Writes   quarantine.bets.state
-- Params   now
with became as (
    select retried.seq, version.seq as settled_by
    from retried
    cross join lateral (
        select seq from raw.bet_versions
        where raw.bet_versions.content_hash = retried.content_hash and known_at is not null
        order by seq desc limit 1
    ) as version
    where retried.reasons is null
)

update quarantine.bets
set state = 'accepted', settled_by = became.settled_by, settled_at = %(now)s
from became
where bets.seq = became.seq
