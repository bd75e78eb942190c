-- The bets without it.
select seq, id, status, bet_type, time_placed, sport, league, market, institution_name, odds, american_odds
from {judged} as bet
where market is null
order by seq
