-- Grain    one row, or none when nobody holds the lock any more: who holds it as one text
-- Reads    pg_locks, pg_stat_activity
-- Writes   nothing
-- Params   key: the bigint of the advisory lock, which pg_locks shows as its two halves
select coalesce(nullif(activity.application_name, ''), 'a session without a name') || ', process ' || locks.pid
from pg_locks as locks
left join pg_stat_activity as activity using (pid)
where
    locks.locktype = 'advisory'
    and locks.granted
    and locks.objsubid = 1
    and locks.database = (select oid from pg_database where datname = current_database())
    and locks.classid::bigint = (%(key)s::bigint >> 32) & 4294967295
    and locks.objid::bigint = %(key)s::bigint & 4294967295;
