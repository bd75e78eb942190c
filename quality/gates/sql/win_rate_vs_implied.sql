-- How often the newest graded bets won, and how often their prices say that they do, by book and sport.
-- The chance of a win that a price implies: feature_repo/bets/odds.py.
select
    institution_name,
    sport,
    count(*) as bets,
    avg(is_win::int) as win_rate,
    avg(case when american_odds < 0 then american_odds / (american_odds - 100.0) else 100.0 / (american_odds + 100.0) end) as implied
from (select * from {judged} as bet where is_win is not null order by seq desc limit 10000) as graded
where american_odds is not null
group by institution_name, sport
order by bets desc
