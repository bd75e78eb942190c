-- Grain    one row per bet whose newest version no published refresh has seen. A bad version that was put right since is not judged.
-- Reads    processed.bet_versions
-- Params   since: the features' log position
select *
from processed.bet_versions
where seq > %(since)s and is_current and not is_deleted
order by seq
