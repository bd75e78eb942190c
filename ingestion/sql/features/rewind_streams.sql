-- Grain    one row per source stream
-- Writes   ops.sync_state: nothing was read past this instant. What lies between is read again, and is known already.
-- Params   now
update ops.sync_state
set cursor_updated_at = least(cursor_updated_at, %(now)s),
    source_watermark = least(source_watermark, %(now)s),
    last_success_at = least(last_success_at, %(now)s)
