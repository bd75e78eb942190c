-- Grain    one row per bet among the newest up to a position of the log, as it stood there
-- Reads    processed.bet_versions
-- Params   until: the position; rows: how many at most
select id, sport, league, market, institution_name, clv_percentage
from processed.bet_versions as seen
where seq <= %(until)s and not is_superseded and not is_deleted and not is_forgotten
  and (is_current or not exists (
      select from processed.bet_versions as later
      where later.id = seen.id and later.seq > seen.seq and later.seq <= %(until)s and not later.is_superseded
  ))
order by seq desc
limit %(rows)s
