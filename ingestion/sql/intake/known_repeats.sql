-- Grain    one row: how many ids are known to repeat in a stream; none before its first sync
-- Reads    ops.sync_state
-- Params   stream
select repeated_ids from ops.sync_state where stream = %(stream)s
