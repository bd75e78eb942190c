-- Grain    one row per source that bets came from; what comes back from quarantine is from no source
-- Reads    ops.sync_state
select
    stream, cursor_updated_at as cursor, total_versions as versions, last_success_at, consecutive_failures as failures,
    row_count, without_columns
from ops.sync_state
where stream <> 'quarantine' and (last_success_at is not null or total_versions > 0)
order by stream
