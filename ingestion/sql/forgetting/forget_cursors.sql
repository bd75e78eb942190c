-- Grain    one row per stream whose newest row was one of these bets
-- Reads    pg_temp.forgetting
-- Writes   ops.sync_state.cursor_id; the cursor itself is an instant, and stays
update ops.sync_state set cursor_id = null where cursor_id in (select id from forgetting)
