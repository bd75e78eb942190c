-- Grain    one row: the step, when it begins (seconds null) and again when it ends
-- Writes   ops.run_steps
-- Params   run_id, position, step, seconds, counts
insert into ops.run_steps (run_id, position, step, seconds, counts)
values (%(run_id)s, %(position)s, %(step)s, %(seconds)s, %(counts)s)
on conflict (run_id, position) do update set seconds = excluded.seconds, counts = excluded.counts
