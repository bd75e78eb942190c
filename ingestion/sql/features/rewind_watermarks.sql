-- Grain    the one row of features.reach
-- Reads    processed.bet_versions
-- Writes   features.reach: the mark, as upsert_reach.sql has it for a refresh at this instant
-- Params   now
update features.reach
set refreshed_at = greatest(
    %(now)s::timestamptz,
    (select known_at from processed.bet_versions where bet_versions.seq <= reach.seq order by bet_versions.seq desc limit 1)
)
