-- Grain    one row per bet among the newest up to a position of the log
-- Reads    processed.bet_versions
-- Params   until: the position; rows: how many at most
select id, sport, league, market, institution_name
from processed.bet_versions
where seq <= %(until)s and is_current and not is_deleted
order by seq desc
limit %(rows)s
