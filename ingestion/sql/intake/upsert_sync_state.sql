-- Grain    one row per source stream
-- Reads    pg_temp.incoming
-- Writes   ops.sync_state, in the transaction of the rows it speaks of. The cursor is the newest row read that does not lie in the
--          future, so that no wrong clock can push it past rows that are still to come; it never moves back.
-- Params   stream, moves_cursor, is_partial (a part of the table says nothing of the rest), source_watermark, versions,
--          repeated_ids, now
insert into ops.sync_state as state
    (stream, cursor_updated_at, cursor_id, source_watermark, total_versions, last_success_at, repeated_ids)
select
    %(stream)s, newest.updated_at, newest.id, %(source_watermark)s::timestamptz, %(versions)s,
    case when not %(is_partial)s then %(now)s::timestamptz end, %(repeated_ids)s
from (values (0)) as always
left join (
    select updated_at, id from incoming
    where %(moves_cursor)s and updated_at <= %(now)s
    order by updated_at desc, id desc limit 1
) as newest on true
on conflict (stream) do update
set cursor_updated_at = greatest(state.cursor_updated_at, excluded.cursor_updated_at),
    cursor_id = case
        when excluded.cursor_updated_at >= state.cursor_updated_at or state.cursor_updated_at is null then excluded.cursor_id
        else state.cursor_id
    end,
    source_watermark = greatest(state.source_watermark, excluded.source_watermark),
    total_versions = state.total_versions + excluded.total_versions,
    last_success_at = coalesce(excluded.last_success_at, state.last_success_at),
    repeated_ids = excluded.repeated_ids,
    consecutive_failures = case when %(is_partial)s then state.consecutive_failures else 0 end
