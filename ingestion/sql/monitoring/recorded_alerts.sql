-- Grain    one row per alert, the newest first; the open ones before the others
-- Reads    ops.alerts, ops.alert_deliveries
-- Params   everything (false: those that have not cleared), limit
select
    cause, severity, message, opened_at, resolved_at,
    (
        select count(distinct channel)
        from ops.alert_deliveries as said
        where said.alert_id = alerts.alert_id and state = 'delivered'
    ) as channels_told
from ops.alerts
where %(everything)s or resolved_at is null
order by resolved_at is null desc, alert_id desc
limit %(limit)s
