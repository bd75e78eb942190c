-- Grain    one row at most: the cause's open alert
-- Writes   ops.alerts
-- Params   cause, now
update ops.alerts set resolved_at = %(now)s where cause = %(cause)s and resolved_at is null
