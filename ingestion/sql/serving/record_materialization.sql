-- Grain    one row per view
-- Writes   ops.materializations
-- Params   view, refreshed_at, seq, finished_at
insert into ops.materializations (view, refreshed_at, seq, finished_at)
values (%(view)s, %(refreshed_at)s, %(seq)s, %(finished_at)s)
on conflict (view) do update
set refreshed_at = excluded.refreshed_at, seq = excluded.seq, finished_at = excluded.finished_at
