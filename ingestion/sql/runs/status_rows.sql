-- Grain    one row: rows per table
-- Reads    raw.bet_versions, processed.bet_versions, processed.bets, quarantine.bets, features.vocabulary
select
    (select count(*) from raw.bet_versions) as "raw.bet_versions",
    (select count(*) from processed.bet_versions) as "processed.bet_versions",
    (select count(*) from processed.bets) as "processed.bets",
    (select count(*) from quarantine.bets) as "quarantine.bets",
    (select count(*) from quarantine.bets where state = 'open') as "quarantine.bets, open",
    (select count(*) from features.vocabulary) as "features.vocabulary"
