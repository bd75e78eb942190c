-- Grain    one row per bet among the newest that were won or lost
-- Reads    processed.bet_versions
-- Params   until: a position of the log (null: its end); rows: how many at most
select is_win, american_odds, bet_type, sport, market, institution_name
from processed.bet_versions
where status in ('SETTLED_WIN', 'SETTLED_LOSS') and is_current and not is_deleted
  and (%(until)s::bigint is null or seq <= %(until)s)
order by seq desc
limit %(rows)s
