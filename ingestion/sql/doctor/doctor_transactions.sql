-- Grain    one row per session of this database, other than pikkit's own, that holds a lock in an open transaction which
--          others may wait for: its name and process as one text, and for how long; the longest first
-- Reads    pg_locks, pg_stat_activity; since when another role's transaction is open is hidden from an ordinary role: null
-- Writes   nothing
-- Params   after: how long a transaction is open before it counts
select
    coalesce(nullif(activity.application_name, ''), 'a session') || ' of ' || coalesce(activity.usename, 'another role')
    || ', process ' || activity.pid,
    now() - activity.xact_start
from pg_stat_activity as activity
where
    activity.datname = current_database()
    and activity.application_name not like 'pikkit %%'
    and (activity.xact_start is null or activity.xact_start < now() - %(after)s::interval)
    and exists (
        select from pg_locks as locks
        where
            locks.pid = activity.pid
            and locks.granted
            and locks.locktype = 'relation'
            and locks.relation not in (
                select pg_class.oid from pg_class join pg_namespace on pg_namespace.oid = relnamespace
                where nspname = 'ops' and relname = 'run_lock'
            )
            and locks.mode not in ('AccessShareLock', 'RowShareLock')
    )
order by activity.xact_start;
