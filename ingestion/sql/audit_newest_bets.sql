-- Grain    one row per bet among the newest
-- Reads    processed.bet_versions
-- Params   after, until: log positions (after, until]; rows: how many at most
select id as bet_id, sport, league, market, institution_name
from processed.bet_versions
where seq > %(after)s and seq <= %(until)s and is_current and not is_deleted
order by seq desc
limit %(rows)s
