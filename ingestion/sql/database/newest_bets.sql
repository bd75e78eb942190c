-- Grain    one row per bet, as it was when it was placed: the newest settled ones, or the newest that are still open
-- Reads    processed.bets
-- Params   settled, bets: how many
select
    id, sport, league, market, institution_name, bet_type, american_odds, is_live, time_placed, clv_percentage,
    profit_cents / 100.0::double precision as profit
from processed.bets
where is_settled = %(settled)s
order by time_placed desc, id
limit %(bets)s
