-- How often the newest graded bets won, by sport.
select sport, count(*) as bets, avg(is_win::int) as win_rate
from (select * from {judged} as bet where is_win is not null order by seq desc limit 10000) as graded
group by sport
order by bets desc
