-- Grain    one row of pg_temp.retried
-- Reads    quarantine.bets
-- Writes   pg_temp.retried: copies of one (id, updated_at) that differ stay refused, all of them; of a file also where only one is
--          sound (as in refuse_conflicts.sql). Whoever knows the right one retries that one alone.
-- Params   reason
update retried
set reasons = array[%(reason)s]
from (
    select retried.id, retried.updated_at
    from retried join quarantine.bets using (seq)
    where retried.reasons is null or bets.source like 'file:%%'
    group by retried.id, retried.updated_at
    having count(distinct coalesce(content_hash, decode(md5(seq::text), 'hex'))) > 1
) as conflict
where retried.id = conflict.id
  and retried.updated_at = conflict.updated_at
  and retried.reasons is null
