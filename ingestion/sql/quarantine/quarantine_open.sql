-- Grain    one row: how many refused versions nobody has dealt with
-- Reads    quarantine.bets
select count(*) from quarantine.bets where state = 'open'
