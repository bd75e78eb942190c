-- How often each book's new bets won at short and at long prices, and how often the prices say that they do.
-- The chance of a win that a price implies: feature_repo/bets/odds.py.
select
    institution_name,
    american_odds < 0 as is_favourite,
    count(*) as bets,
    avg(is_win::int) as win_rate,
    avg(case when american_odds < 0 then american_odds / (american_odds - 100.0) else 100.0 / (american_odds + 100.0) end) as implied
from {judged} as bet
where is_win is not null and american_odds is not null
group by institution_name, is_favourite
order by institution_name, is_favourite
