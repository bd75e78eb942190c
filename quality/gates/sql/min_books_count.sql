-- The books.
select institution_name, count(*) as bets
from {judged} as bet
where institution_name is not null
group by institution_name
order by bets desc
