-- Grain    one row: how many syncs of the stream have failed in a row, this one included
-- Writes   ops.sync_state
-- Params   stream
insert into ops.sync_state (stream, consecutive_failures) values (%(stream)s, 1)
on conflict (stream) do update set consecutive_failures = sync_state.consecutive_failures + 1
returning consecutive_failures
