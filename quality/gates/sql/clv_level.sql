-- The closing line values of each book, new and before.
select
    institution_name,
    seq > {since} as is_new,
    count(*) as bets,
    percentile_cont(array[0.25, 0.5, 0.75]) within group (order by clv_percentage) as quartiles
from {dataset} as bet
where clv_percentage is not null
group by institution_name, is_new
order by institution_name, is_new
