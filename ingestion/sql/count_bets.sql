-- Grain    one row: the number of bets that have a sound version and exist
-- Reads    processed.bets
select count(*) from processed.bets
