-- Grain    one row: the step
-- Writes   ops.run_steps
-- Params   run_id, position, step, seconds, counts
insert into ops.run_steps (run_id, position, step, seconds, counts)
values (%(run_id)s, %(position)s, %(step)s, %(seconds)s, %(counts)s)
