-- Grain    one row per bet among the newest that a published refresh has seen, as it was seen: what may be called usual. The batch may
--          replace all of them, and does not make them less usual.
-- Reads    processed.bet_versions
-- Params   since: the features' log position; rows: how many at most
select *
from processed.bet_versions as seen
where seq <= %(since)s and not is_superseded and not is_deleted and not is_forgotten
  and (is_current or not exists (
      select from processed.bet_versions as later
      where later.id = seen.id and later.seq > seen.seq and later.seq <= %(since)s and not later.is_superseded
  ))
order by seq desc
limit %(rows)s
