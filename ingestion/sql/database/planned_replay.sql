-- Grain    one row: how many versions of bets a backfill would replay
-- Reads    processed.bet_versions
select count(*) as versions from processed.bet_versions where not is_superseded
