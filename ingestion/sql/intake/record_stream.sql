-- Grain    one row: the stream, after a sync of it. What could not be counted stays as it was counted last.
-- Writes   ops.sync_state
-- Params   stream, columns, without_columns, row_count
update ops.sync_state
set columns = %(columns)s, without_columns = %(without_columns)s, row_count = coalesce(%(row_count)s, row_count)
where stream = %(stream)s
