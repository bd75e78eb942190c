-- The lineage record of every run: its OpenLineage events, written with what they tell of and never changed, and how far each place
-- that they are sent to has got.

create table ops.lineage_events (
    -- in the order in which they were written
    position   bigint      primary key generated always as identity,
    -- our run; null where Feast copied without one of ours
    run_id     uuid        references ops.runs,
    -- `run`, `backfill` and so on: the run itself. `gate`, `features.<view>`, `online.<view>`: a part of it, with a run id of its own.
    job        text        not null,
    job_run_id uuid        not null,
    event_type text        not null check (event_type in ('START', 'RUNNING', 'COMPLETE', 'FAIL', 'ABORT')),
    event_time timestamptz not null,
    -- as OpenLineage has it
    event      jsonb       not null,
    -- Positions are given before a transaction commits: whoever sends waits for all transactions before this one.
    written_by xid8        not null default pg_current_xact_id()
);

comment on table ops.lineage_events is 'OpenLineage events, append only.';

create index lineage_events_run on ops.lineage_events (run_id, job);
-- What the gate of a materialization asks for: whether a run began on record, and which views it completed.
create index lineage_events_record on ops.lineage_events (job, run_id) where event_type in ('START', 'COMPLETE');

create table ops.lineage_destinations (
    -- the address without user and password
    destination     text        primary key,
    -- up to which event all were sent, or refused for good
    sent_position   bigint      not null,
    -- how many it refused for good (4xx)
    rejected_events bigint      not null default 0,
    last_sent_at    timestamptz
);

comment on table ops.lineage_destinations is 'Where lineage events are sent to, and up to which event each has them.';

-- A step is kept when it begins, so that a run that dies has its steps: one that never ended has no seconds.
alter table ops.run_steps alter seconds drop not null;

-- What stands there already was published before events were kept: the same events, from the records of those runs.
with published as (
    select distinct on (run_id) run_id, verb, started_at, finished_at
    from ops.runs join ops.seals using (run_id)
),

told as (
    select
        run_id, verb as job, run_id as job_run_id, 'START' as event_type, started_at as event_time, '[]'::jsonb as outputs,
        0 as place
    from published
    union all
    select
        run_id, 'features.' || seals.view, gen_random_uuid(), 'COMPLETE', coalesce(finished_at, started_at),
        jsonb_build_array(jsonb_build_object('namespace', 'pikkit', 'name', seals.view)), 1
    from published join ops.seals using (run_id)
)

insert into ops.lineage_events (run_id, job, job_run_id, event_type, event_time, event)
select
    run_id, job, job_run_id, event_type, event_time,
    jsonb_build_object(
        'eventType', event_type,
        'eventTime', to_char(event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'producer', 'urn:pikkit-feature-store:migration',
        'schemaURL', 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent',
        'run', jsonb_build_object('runId', job_run_id, 'facets', '{}'::jsonb),
        'job', jsonb_build_object('namespace', 'pikkit', 'name', job, 'facets', '{}'::jsonb),
        'inputs', '[]'::jsonb,
        'outputs', outputs
    )
from told
order by run_id, place, job;
