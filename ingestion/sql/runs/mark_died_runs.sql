-- Grain    one row per run that was still marked as running and is not alive
-- Writes   ops.runs
-- Params   now; living: the runs that are (living_runs)
update ops.runs
set state = 'died',
    finished_at = %(now)s,
    error = 'The process ended without a word. ' || case
        when verb in ('train', 'dataset') then 'What it had not finished was not written.'
        else 'What it had not committed is undone; the next run did the work again.'
    end
where state = 'running' and run_id <> all(%(living)s)
returning run_id, verb, error
