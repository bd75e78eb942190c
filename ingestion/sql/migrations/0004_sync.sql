-- Tables as sources: bets that return to an earlier state, that vanish and come back; refused rows that are dealt with; alerts.

-- A table may show again what it showed before (a regrade taken back without a new updated_at, a deleted bet restored). Such a
-- row is a version of its own: the seq after which it returned tells it from the first one. Null for all others, so a row that is
-- read again changes nothing.
alter table raw.bet_versions add column returns_after bigint;
alter table raw.bet_versions drop constraint bet_versions_content_hash_key;
alter table raw.bet_versions
    add constraint bet_versions_content_hash unique nulls not distinct (content_hash, returns_after);

-- What the source held of a bet last, accepted or refused, is its newest raw version.
create index bet_versions_id on raw.bet_versions (id, seq);

comment on column raw.bet_versions.payload is 'The row as the source sent it; JSON null where the bet vanished from it.';

-- open        nobody dealt with it yet
-- accepted    `pikkit quarantine retry` found it sound, as version settled_by
-- superseded  the source sent a sound version since, or the bet vanished from it: settled_by
-- dismissed   somebody looked and let it be, for the reason in note
alter table quarantine.bets
    add column state text not null default 'open' check (state in ('open', 'accepted', 'superseded', 'dismissed')),
    add column settled_by bigint,
    add column settled_at timestamptz,
    add column note text;

create index quarantine_bets_open on quarantine.bets (id) where state = 'open';

-- One row per cause from when it began to hold until it cleared.
create table ops.alerts (
    alert_id    bigint      generated always as identity primary key,
    cause       text        not null,
    severity    text        not null check (severity in ('warning', 'critical')),
    message     text        not null,
    run_id      uuid,
    opened_at   timestamptz not null,
    resolved_at timestamptz
);

create unique index alerts_open on ops.alerts (cause) where resolved_at is null;

comment on column ops.sync_state.consecutive_failures is 'Syncs of the stream that failed since the last one that did not.';
