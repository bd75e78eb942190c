-- Grain    one row of pg_temp.retried
-- Reads    quarantine.bets
-- Writes   pg_temp.retried: where a table has shown something newer of the bet that stays refused, the older row stays so too. As a
--          version it would stand for what the table shows.
-- Params   reason
update retried
set reasons = array[%(reason)s]
from quarantine.bets as newer
where retried.reasons is null
  and newer.id = retried.id
  and newer.seq > retried.seq
  and newer.state in ('open', 'dismissed')
  and (newer.source like 'supabase:%%' or newer.source like 'postgres:%%')
  and not exists (select from retried as sound where sound.seq = newer.seq and sound.reasons is null)
