-- Grain    one row per combination of sport, league, market, book and type that a stored bet has now; nulls are values too
-- Reads    processed.bets
select
    sport, league, market, institution_name, bet_type,
    count(*) as bets, count(is_win) as graded, max(time_placed) as newest_placed_at
from processed.bets
group by sport, league, market, institution_name, bet_type
