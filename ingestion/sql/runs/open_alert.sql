-- Grain    one row: the cause's open alert
-- Writes   ops.alerts
-- Params   cause, severity, message, run_id, now
insert into ops.alerts (cause, severity, message, run_id, opened_at)
values (%(cause)s, %(severity)s, %(message)s, %(run_id)s, %(now)s)
on conflict (cause) where resolved_at is null do update
set severity = excluded.severity, message = excluded.message, run_id = excluded.run_id
