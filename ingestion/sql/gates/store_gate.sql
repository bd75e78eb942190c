-- Grain    one row: the judgement over this run's refresh
-- Writes   ops.gates
-- Params   run_id, state, reason, overridden_by, now, since_seq, until_seq
insert into ops.gates (run_id, state, reason, overridden_by, judged_at, since_seq, until_seq)
values (%(run_id)s, %(state)s, %(reason)s, %(overridden_by)s, %(now)s, %(since_seq)s, %(until_seq)s)
