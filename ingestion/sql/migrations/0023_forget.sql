-- Bets and people that were forgotten: what is left of them in the log, by what they are known again, and what was written
-- out of the store where they may stand.

-- ---- the log ---------------------------------------------------------------------------------------------------------
-- What history keeps of a forgotten bet is what the sums of its groups rest on: the columns of groups, status, money, price,
-- closing line and the instants of knowledge, under an id that nobody else has. It has no bet_type and no updated_at.

alter table processed.bet_versions
    add column is_forgotten boolean not null default false,
    alter bet_type drop not null,
    alter updated_at drop not null,
    add constraint bet_versions_described check (
        is_forgotten = (bet_type is null) and is_forgotten = (updated_at is null)
    );

comment on column processed.bet_versions.is_forgotten is
    'A version of a bet that was forgotten: it counts in the history of its groups, and stands for no bet.';

-- Whose bet it is, as a keyed digest of the user column of its source (USER_COLUMN); null where the source has none.
alter table raw.bet_versions add column user_digest bytea;

create index bet_versions_user on raw.bet_versions (user_digest) where user_digest is not null;

comment on column raw.bet_versions.user_digest is
    'HMAC-SHA-256 of what the source''s user column said, by the key in ops.digest_key; null where it said nothing.';

-- ---- who is forgotten ------------------------------------------------------------------------------------------------

create table ops.digest_key (
    only_row boolean primary key default true check (only_row),
    key      bytea   not null check (length(key) = 32)
);

comment on table ops.digest_key is
    'The random key of this store, by which users, and bets and users that were forgotten, are known again.';

create table ops.forgotten (
    digest bytea primary key,
    kind   text  not null check (kind in ('bet', 'user'))
);

comment on table ops.forgotten is
    'What is not taken in again: HMAC-SHA-256 of ids of bets, and of users, by the key in ops.digest_key.';

-- One row per erasure, without personal data. Places whose state is `pending` are finished by the next run.
create table ops.forget_receipts (
    receipt_id   uuid        primary key,
    run_id       uuid        not null references ops.runs,
    -- what was asked for
    kind         text        not null check (kind in ('bet', 'user')),
    bets         bigint      not null,
    code_version text        not null,
    -- the run's clock
    forgotten_at timestamptz not null
);

create table ops.forget_places (
    receipt_id uuid    not null references ops.forget_receipts,
    position   integer not null,
    -- a table, `redis`, or a file
    place      text    not null,
    -- rows, keys or values that were looked at, taken away or struck out, and found afterwards
    searched   bigint  not null,
    removed    bigint  not null,
    remaining  bigint,
    note       text,
    primary key (receipt_id, position)
);

comment on table ops.forget_receipts is 'What was forgotten and when: no id of a bet, and no user.';
comment on table ops.forget_places is 'What each erasure found and took away, by place; remaining is null where that is not known yet.';

-- Ids that are still to be taken out of Redis, from the commit of an erasure until that is done.
create table ops.forget_pending (
    bet_id     text not null,
    receipt_id uuid not null references ops.forget_receipts,
    primary key (bet_id, receipt_id)
);

-- ---- what was written out of the store -------------------------------------------------------------------------------

create table ops.written_files (
    -- a directory, a file or a URL, as an export shows it: no user, no password
    place      text        primary key,
    kind       text        not null check (kind in ('export', 'dataset', 'report')),
    written_at timestamptz not null
);

comment on table ops.written_files is 'Where exports, datasets and reports of this store were written: there forget looks for bets too.';
