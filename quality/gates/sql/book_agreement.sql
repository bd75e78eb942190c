-- The new straight bets that won, those on the same event and market together.
select sport, league, market, settled_at, institution_name, american_odds, seq, id
from {judged} as bet
where bet_type = 'straight' and is_win and settled_at is not null and american_odds is not null
order by sport, league, market, settled_at, institution_name, seq
