-- The bets of the dataset by sport.
select sport, count(*) as bets
from {judged} as bet
group by sport
order by bets desc
