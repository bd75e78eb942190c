-- Grain    one row per alert that has not cleared
-- Reads    ops.alerts
select cause, severity, message, opened_at
from ops.alerts
where resolved_at is null
order by opened_at
