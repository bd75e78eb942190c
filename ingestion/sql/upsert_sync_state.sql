-- Grain    one row per source stream
-- Writes   ops.sync_state, in the transaction of the rows it speaks of
-- Params   stream, high_water_mark, versions, now
insert into ops.sync_state (stream, high_water_mark, total_versions, last_success_at)
values (%(stream)s, %(high_water_mark)s, %(versions)s, %(now)s)
on conflict (stream) do update
set high_water_mark = greatest(sync_state.high_water_mark, excluded.high_water_mark),
    total_versions = sync_state.total_versions + excluded.total_versions,
    last_success_at = excluded.last_success_at,
    consecutive_failures = 0
