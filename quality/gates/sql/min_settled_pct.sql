-- The bets that are not settled by status and month of placement.
select status, date_trunc('month', time_placed) as placed, count(*) as bets
from {judged} as bet
where not is_settled
group by status, placed
order by bets desc
