-- Grain    one row: the run
-- Writes   ops.runs
-- Params   run_id, verb, source, code_version, now, started_at
insert into ops.runs (run_id, verb, state, source, code_version, now, started_at)
values (%(run_id)s, %(verb)s, 'running', %(source)s, %(code_version)s, %(now)s, %(started_at)s)
