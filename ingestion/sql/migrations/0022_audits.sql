-- Audits of training sets as they were kept, and vectors as they were served, which an audit compares with the history.

create table ops.audits (
    audit_id     uuid        primary key,
    -- the clock
    audited_at   timestamptz not null,
    service      text        not null,
    log_position bigint      not null,
    is_clean     boolean     not null,
    -- the verdict
    sentence     text        not null,
    -- an array, in order: name, state, looked_at, found, sentence, seconds. No bet is named in it.
    checks       jsonb       not null check (jsonb_typeof(checks) = 'array'),
    code_version text        not null
);

comment on table ops.audits is 'What each `pikkit audit` found, without the bets that it found it of.';

-- Written by processes that serve (feature_repo/served_vectors/), where PIKKIT_SERVED_VECTORS says how many of their vectors. Nothing
-- else refers to a row: any may go at any time, those of a bet by its id.
create table ops.served_vectors (
    vector_id bigint      generated always as identity primary key,
    -- the clock of the process that served it
    served_at timestamptz not null,
    service   text        not null,
    -- null where whoever asked named none
    bet_id    text,
    -- what it was asked with: join keys and columns of the request
    entities  jsonb       not null check (jsonb_typeof(entities) = 'object'),
    -- view:feature -> value
    features  jsonb       not null check (jsonb_typeof(features) = 'object'),
    -- stored view -> the status of its row, and up to when that held (microseconds since 1970; null where there was none)
    views     jsonb       not null check (jsonb_typeof(views) = 'object')
);

create index served_vectors_by_instant on ops.served_vectors (served_at);
create index served_vectors_by_bet on ops.served_vectors (bet_id) where bet_id is not null;

comment on table ops.served_vectors is 'A sample of the vectors that were served, for PIKKIT_SERVED_VECTORS_DAYS.';
