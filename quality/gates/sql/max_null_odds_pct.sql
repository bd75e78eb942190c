-- The bets without it.
select seq, id, status, bet_type, time_placed, sport, league, market, institution_name, odds, american_odds
from {judged} as bet
where american_odds is null
order by seq
