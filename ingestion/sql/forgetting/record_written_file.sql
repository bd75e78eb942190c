-- Grain    one row: a place outside the store that something was written to
-- Writes   ops.written_files
-- Params   place, kind, now
insert into ops.written_files (place, kind, written_at)
values (%(place)s, %(kind)s, %(now)s)
on conflict (place) do update set kind = excluded.kind, written_at = excluded.written_at
