-- When each last came, and how many are new.
select institution_name, max(time_placed) as newest, count(*) as bets, count(*) filter (where seq > {since}) as new_bets
from {dataset} as bet
group by institution_name
order by newest
