-- Grain    one row per bet among the newest that a published refresh has seen: what may be called usual
-- Reads    processed.bet_versions
-- Params   since: the log position that the features reach; rows: how many at most
select *
from processed.bet_versions
where seq <= %(since)s and is_current and not is_deleted
order by seq desc
limit %(rows)s
