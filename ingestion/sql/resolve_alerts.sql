-- Grain    one row per open alert whose cause begins so
-- Writes   ops.alerts
-- Params   causes, now
update ops.alerts set resolved_at = %(now)s where starts_with(cause, %(causes)s) and resolved_at is null
