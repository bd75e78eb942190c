-- Grain    one row per open alert whose cause begins so, but for those that still hold
-- Writes   ops.alerts
-- Params   causes, but, now
update ops.alerts
set resolved_at = %(now)s
where starts_with(cause, %(causes)s) and cause <> all (%(but)s::text[]) and resolved_at is null
