-- Grain    one row per destination that had not taken some of the events which expire now: how many. What the gate of a
--          materialization reads stays, as names alone; the rest goes
-- Reads    ops.lineage_destinations
-- Writes   ops.lineage_events, by the index on those that are whole; ops.lineage_destinations.expired_events
-- Params   before: the machine's clock
with old as (
    select
        position,
        coalesce(job_run_id = run_id and event_type = 'START', false)
        or starts_with(job, 'features.') and event_type = 'COMPLETE' as is_read_by_gate
    from ops.lineage_events
    where is_whole and event_time < %(before)s
),

dropped as (
    delete from ops.lineage_events
    using old
    where lineage_events.position = old.position and not is_read_by_gate
),

bared as (
    update ops.lineage_events
    set
        is_whole = false,
        event = jsonb_build_object(
            'eventType', event_type,
            'eventTime', event -> 'eventTime',
            'producer', event -> 'producer',
            'schemaURL', event -> 'schemaURL',
            'run', jsonb_build_object('runId', event #> '{run,runId}'),
            'job', jsonb_build_object('namespace', event #> '{job,namespace}', 'name', event #> '{job,name}'),
            'inputs', (
                select coalesce(jsonb_agg(jsonb_build_object('namespace', used -> 'namespace', 'name', used -> 'name')), '[]')
                from jsonb_array_elements(event -> 'inputs') as used
            ),
            'outputs', (
                select coalesce(jsonb_agg(jsonb_build_object('namespace', used -> 'namespace', 'name', used -> 'name')), '[]')
                from jsonb_array_elements(event -> 'outputs') as used
            )
        )
    from old
    where lineage_events.position = old.position and is_read_by_gate
),

missed as (
    select destination, count(*) as events
    from old join ops.lineage_destinations on old.position > sent_position
    group by destination
)

update ops.lineage_destinations as place
set expired_events = expired_events + missed.events
from missed
where place.destination = missed.destination
returning place.destination, missed.events
