-- Grain    one row: the run
-- Writes   ops.runs
-- Params   run_id, state, finished_at, counts, exit_code, error
update ops.runs
set state = %(state)s, finished_at = %(finished_at)s, counts = %(counts)s, exit_code = %(exit_code)s, error = %(error)s
where run_id = %(run_id)s
