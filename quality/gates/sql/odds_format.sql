-- How many bets of each book have `odds` in decimal format, new and before.
select institution_name, seq > {since} as is_new, count(*) as bets, count(*) filter (where abs(odds) < 100) as decimals
from {dataset} as bet
where odds is not null
group by institution_name, is_new
order by institution_name, is_new
