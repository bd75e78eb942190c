-- Grain    one row, or none when nobody holds the lock (any more): who holds it as one text, and the server's process
-- Reads    pg_locks, pg_stat_activity; since when another role's session is connected is hidden from an ordinary role
-- Writes   nothing
select
    coalesce(nullif(activity.application_name, ''), 'a session without a name, process ' || locks.pid)
    || coalesce(to_char(activity.backend_start at time zone 'UTC', '", connected since "YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''),
    locks.pid
from pg_locks as locks
left join pg_stat_activity as activity using (pid)
where
    locks.relation = (
        select pg_class.oid from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        where nspname = 'ops' and relname = 'run_lock'
    )
    and locks.mode = 'ExclusiveLock'
    and locks.granted
    and locks.database = (select oid from pg_database where datname = current_database());
