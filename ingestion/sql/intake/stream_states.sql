-- Grain    one row per source stream: what it was like when it was read last
-- Reads    ops.sync_state
select stream, cursor_updated_at as cursor, columns, without_columns, row_count
from ops.sync_state
