-- What the features of each group are made of: how many of its bets are graded, priced, and have a closing line value.
select
    sport, league, market, institution_name,
    count(*) as bets,
    count(is_win) as graded,
    count(*) filter (where is_win is not null and american_odds is not null) as priced,
    count(*) filter (where is_settled and clv_percentage is not null) as with_closing_line
from {judged} as bet
group by sport, league, market, institution_name
order by bets desc
