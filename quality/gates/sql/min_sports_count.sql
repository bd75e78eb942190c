-- The sports.
select sport, count(*) as bets
from {judged} as bet
where sport is not null
group by sport
order by bets desc
