-- Grain    one row: how far a stream was read; none before its first sync
-- Reads    ops.sync_state
-- Params   stream
select cursor_updated_at from ops.sync_state where stream = %(stream)s
