-- Grain    one row per run that is running and holds the lock that hold_life_lock takes
-- Reads    ops.runs, pg_locks
select run_id
from ops.runs
where state = 'running'
  and hashtextextended(run_id::text, 0) in (
      select classid::bigint << 32 | objid::bigint
      from pg_locks
      where locktype = 'advisory' and objsubid = 1 and granted
        and database = (select oid from pg_database where datname = current_database())
  )
order by run_id
