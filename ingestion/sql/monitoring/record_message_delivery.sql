-- Grain    one row: an alert, a channel and an event
-- Writes   ops.alert_deliveries
-- Params   alert_id, channel, event, state
update ops.alert_deliveries
set state = %(state)s
where alert_id = %(alert_id)s and channel = %(channel)s and event = %(event)s
