-- Grain    one row: how many events wait for the destination still
-- Reads    ops.lineage_events
-- Writes   ops.lineage_destinations
-- Params   destination, position (of the last event that was sent or refused), sent, rejected
update ops.lineage_destinations
set
    sent_position = %(position)s,
    rejected_events = rejected_events + %(rejected)s,
    last_sent_at = case when %(sent)s > 0 then now() else last_sent_at end
where destination = %(destination)s
returning (select count(*) from ops.lineage_events where position > %(position)s)
