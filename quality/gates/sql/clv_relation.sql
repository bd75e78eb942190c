-- The new bets with a closing line value, by book.
select seq, id, institution_name, american_odds, clv_current_odds, clv_percentage, clv_ev
from {judged} as bet
where clv_percentage is not null
order by institution_name, seq
