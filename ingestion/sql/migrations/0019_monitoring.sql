-- What each run measured, and which alerts were said to whom.

-- One row per run, metric and set of labels: what `pikkit metrics` shows, as it stood when the run had ended (docs/monitoring.md).
create table ops.metrics (
    run_id uuid             not null references ops.runs,
    name   text             not null,
    labels jsonb            not null default '{}' check (jsonb_typeof(labels) = 'object'),
    value  double precision not null,
    -- the machine's clock
    at     timestamptz      not null,
    primary key (run_id, name, labels)
);

create index metrics_name on ops.metrics (name, run_id);

-- What may leave the machine: names of gates and views, counts, run ids. `message` may hold more, such as names of books.
alter table ops.alerts
    add column notice text not null default '';

-- One row per alert, channel and event: what was said, or is to be said again. A channel is a digest of its whole URL.
--
-- sending    claimed by a process; one that is older than a few minutes belongs to a process that died, and is taken over
-- delivered  the channel took it: it is never sent there again
-- failed     the channel did not take it: the next run tries again
create table ops.alert_deliveries (
    alert_id     bigint      not null references ops.alerts,
    channel      text        not null,
    event        text        not null check (event in ('opened', 'resolved')),
    state        text        not null check (state in ('sending', 'delivered', 'failed')),
    attempts     integer     not null default 1,
    -- the machine's clock
    attempted_at timestamptz not null,
    primary key (alert_id, channel, event)
);
