-- The prices of each book, new and before.
-- The chance of a win that a price implies: feature_repo/bets/odds.py.
select
    institution_name,
    seq > {since} as is_new,
    count(*) as bets,
    percentile_cont(array[0.25, 0.5, 0.75]) within group (
        order by case when american_odds < 0 then american_odds / (american_odds - 100.0) else 100.0 / (american_odds + 100.0) end
    ) as quartiles_of_implied_probability
from {dataset} as bet
where american_odds is not null
group by institution_name, is_new
order by institution_name, is_new
