-- Bets as they arrived, as they were understood, and as they were refused.
--
-- raw.bet_versions        append only, verbatim
-- processed.bet_versions  one typed row per accepted version: the log that every feature is replayed from
-- quarantine.bets         one row per refused version, with every reason
--
-- `seq` is one numbering over raw, processed and quarantine. It follows (known_at, updated_at, arrival) inside a batch, and every
-- batch's known_at lies past all earlier ones (rule R1), so the log in order of seq is the log in order of knowledge.

create schema raw;
create schema processed;
create schema quarantine;

create table raw.bet_versions (
    seq          bigint      primary key,
    batch_id     uuid        not null,
    -- null where the source sent none that text can hold
    id           text,
    updated_at   timestamptz,
    -- null for a refused version: it influences nothing
    known_at     timestamptz,
    -- covers id, updated_at and every typed value (for a refused row: its payload), so that one narrow index says "seen before"
    content_hash bytea       not null unique,
    -- json, not jsonb: it keeps number spelling, key order and escaped NUL characters as the source wrote them
    payload      json        not null,
    source       text        not null,
    received_at  timestamptz not null
);

create table processed.bet_versions (
    seq              bigint      primary key,
    run_id           uuid        not null,
    id               text        not null,
    bet_type         text        not null,
    status           text        not null,

    odds             double precision,
    american_odds    integer,
    amount_cents     bigint,
    profit_cents     bigint,
    roi              double precision,
    clv_percentage   double precision,
    -- the source's own figure; the feature clv_ev is computed from clv_percentage and american_odds
    clv_ev           double precision,
    clv_current_odds double precision,

    sport            text,
    league           text,
    market           text,
    institution_name text,
    is_live          boolean,
    is_settled       boolean,
    is_win           boolean,

    created_at       timestamptz,
    updated_at       timestamptz not null,
    time_placed      timestamptz,
    settled_at       timestamptz,
    known_at         timestamptz not null,

    -- the version of the same bet that this one replaces; null for the first, and for one that is superseded
    previous_seq     bigint,
    -- a tombstone: the bet vanished from the source at known_at
    is_deleted       boolean     not null default false,
    -- arrived after a version with a later updated_at: kept, never counted
    is_superseded    boolean     not null default false,
    is_current       boolean     not null default true
);

create index bet_versions_id on processed.bet_versions (id, seq);
create unique index bet_versions_current on processed.bet_versions (id) where is_current;

comment on table raw.bet_versions is 'Every version of a bet that a source ever sent, verbatim. Append only.';
comment on table processed.bet_versions is 'Accepted versions, typed. Order of seq is order of knowledge.';

create view processed.bets as
select *
from processed.bet_versions
where is_current and not is_deleted;

comment on view processed.bets is 'The newest version of each bet that still exists at the source.';

create table quarantine.bets (
    seq         bigint      primary key,
    run_id      uuid        not null,
    id          text,
    reasons     text[]      not null check (cardinality(reasons) > 0),
    payload     json        not null,
    source      text        not null,
    received_at timestamptz not null
);

comment on table quarantine.bets is 'Refused versions, verbatim, with every reason.';
