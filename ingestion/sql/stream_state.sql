-- Grain    one row: what a stream was like when it was read last; none before its first sync
-- Reads    ops.sync_state
-- Params   stream
select cursor_updated_at as cursor, columns, without_columns, row_count
from ops.sync_state
where stream = %(stream)s
