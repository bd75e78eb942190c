-- Grain    one row: the cause's open alert
-- Writes   ops.alerts
-- Params   cause, severity, message, notice, run_id, now
insert into ops.alerts (cause, severity, message, notice, run_id, opened_at)
values (%(cause)s, %(severity)s, %(message)s, %(notice)s, %(run_id)s, %(now)s)
on conflict (cause) where resolved_at is null do update
set severity = excluded.severity, message = excluded.message, notice = excluded.notice, run_id = excluded.run_id
