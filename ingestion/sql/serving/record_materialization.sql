-- Grain    one row per view
-- Writes   ops.materializations
-- Params   view, online_watermark, log_position, finished_at
insert into ops.materializations (view, online_watermark, log_position, finished_at)
values (%(view)s, %(online_watermark)s, %(log_position)s, %(finished_at)s)
on conflict (view) do update
set online_watermark = excluded.online_watermark, log_position = excluded.log_position, finished_at = excluded.finished_at
