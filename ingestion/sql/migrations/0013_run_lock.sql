-- Who writes to the store holds a lock on this table, which has no rows: `lock table ops.run_lock in exclusive mode`. Unlike an
-- advisory lock, which every role may take, it needs the right to change the table; and unlike a row lock it costs no write, takes
-- no transaction id, so that it holds no vacuum back, and shows in pg_locks whose it is.
create table ops.run_lock ();

comment on table ops.run_lock is 'The run lock: who writes to the store holds this table in exclusive mode. It has no rows.';
