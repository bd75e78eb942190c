-- What ran, when, over what, with what result. The schema ops itself is made by ingestion/migrate.py, which keeps its own table there.

create table ops.runs (
    run_id       uuid        primary key,
    verb         text        not null,
    state        text        not null check (state in ('running', 'done', 'failed', 'died')),
    source       text,
    code_version text        not null,
    -- the run's clock, which --now may have set; started_at and finished_at are the machine's
    now          timestamptz not null,
    started_at   timestamptz not null,
    finished_at  timestamptz,
    counts       jsonb       not null default '{}',
    exit_code    integer,
    error        text
);

create index runs_started_at on ops.runs (started_at desc);

create table ops.run_steps (
    run_id   uuid             not null references ops.runs,
    position integer          not null,
    step     text             not null,
    seconds  double precision not null,
    counts   jsonb            not null default '{}',
    primary key (run_id, position)
);

-- One row per source stream, written in the transaction of the rows it covers.
create table ops.sync_state (
    stream               text        primary key,
    cursor_updated_at    timestamptz,
    cursor_id            text,
    high_water_mark      timestamptz,
    total_versions       bigint      not null default 0,
    last_success_at      timestamptz,
    consecutive_failures integer     not null default 0
);

-- Up to which mark and log position each view has been copied to the online store.
create table ops.materializations (
    view           text        primary key,
    refreshed_at   timestamptz not null,
    seq            bigint      not null,
    finished_at    timestamptz not null
);
