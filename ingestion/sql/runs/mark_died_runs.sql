-- Grain    one row per run that was still marked as running
-- Writes   ops.runs
-- Params   now
update ops.runs
set state = 'died',
    finished_at = %(now)s,
    error = 'The process ended without a word. What it had not committed is undone; the next run did the work again.'
where state = 'running'
returning run_id, verb, error
