-- Grain    one row per alert that has not cleared: refusals, which keep everything new back, then the others, the oldest first
-- Reads    ops.alerts
-- Params   refusal: how the causes of refusals begin
select cause, severity, message, opened_at
from ops.alerts
where resolved_at is null
order by starts_with(cause, %(refusal)s) desc, opened_at, cause
