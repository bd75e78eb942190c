-- Grain    one row per published version of a bet that was placed in the same second as one of the batch: another id may stand for the
--          same bet
-- Reads    processed.bet_versions, by its index on time_placed; `seq + 0` keeps Postgres from reading the index on seq, which is all of
--          the log, once for every second
-- Params   since: the features' log position
select earlier.*
from (
    select distinct date_trunc('second', time_placed) as second
    from processed.bet_versions
    where seq > %(since)s and is_current and not is_deleted
) as placed
cross join lateral (
    select *
    from processed.bet_versions
    where bet_versions.time_placed >= placed.second and bet_versions.time_placed < placed.second + interval '1 second'
      and bet_versions.seq + 0 <= %(since)s and not is_superseded and not is_deleted
    offset 0
) as earlier
