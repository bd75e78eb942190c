-- Grain    one row per published version of a bet that was placed in the same second as one of the batch: another id may stand for the
--          same bet
-- Reads    processed.bet_versions, by its index on time_placed
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
      -- + 0: by the index on seq, which a table without statistics seems to ask for, each second would read the history
      and bet_versions.seq + 0 <= %(since)s and not is_superseded and not is_deleted
    offset 0
) as earlier
