-- Grain    one row: the destination, if nothing was ever sent there. It gets the events from the last run on.
-- Reads    ops.lineage_events
-- Writes   ops.lineage_destinations
-- Params   destination
insert into ops.lineage_destinations (destination, sent_position)
select
    %(destination)s,
    coalesce((
        select min(position) - 1
        from ops.lineage_events
        where run_id = (select run_id from ops.runs order by run_id desc limit 1)
    ), (select max(position) from ops.lineage_events), 0)
on conflict do nothing
