-- Grain    the format of one stream
-- Writes   ops.stream_formats, in the transaction of the rows that were read with it. The newest one counts.
-- Params   stream, name, declaration (null: it ships), run_id, now
insert into ops.stream_formats as known (stream, name, declaration, run_id, declared_at)
values (%(stream)s, %(name)s, %(declaration)s, %(run_id)s, %(now)s)
on conflict (stream) do update
set name = excluded.name, declaration = excluded.declaration, run_id = excluded.run_id, declared_at = excluded.declared_at
where (known.name, known.declaration) is distinct from (excluded.name, excluded.declaration)
