-- The judgement over every refresh, and what makes it binding: the digest of what each run wrote.

alter table ops.runs
    drop constraint runs_state_check,
    add constraint runs_state_check check (state in ('running', 'done', 'refused', 'failed', 'died'));

-- One row per refresh that was judged.
--
-- passed      its change rows may be served
-- refused     none of its change rows exist; raw, processed and quarantine do, and the next good run takes them up
-- overridden  it failed, and somebody published it nevertheless, for the reason in `reason`
create table ops.gates (
    run_id    uuid        primary key references ops.runs,
    state     text        not null check (state in ('passed', 'refused', 'overridden')),
    reason    text,
    -- the run's clock
    judged_at timestamptz not null,
    -- the raw versions that were new to it: (since_seq, until_seq]
    since_seq bigint      not null,
    until_seq bigint      not null,
    check ((state = 'overridden') = (reason is not null))
);

create table ops.gate_results (
    run_id    uuid             not null references ops.gates,
    -- in the order in which they are listed
    position  integer          not null,
    gate      text             not null,
    scope     text             not null check (scope in ('batch', 'dataset')),
    severity  text             not null check (severity in ('fail', 'alert', 'warn')),
    state     text             not null check (state in ('passed', 'warned', 'failed', 'not judged')),
    value     double precision,
    threshold text             not null,
    -- how many rows the value was measured on
    rows      bigint           not null,
    note      text,
    -- shows the rows behind the value
    query     text             not null,
    primary key (run_id, gate, scope)
);

-- Rows that parse and are still not what earlier accepted data lets one expect. Of a refused refresh too.
create table ops.anomalies (
    seq           bigint           not null,
    kind          text             not null,
    -- the run that saw it first
    run_id        uuid             not null references ops.runs,
    id            text             not null,
    severity      text             not null check (severity in ('low', 'medium', 'high', 'critical')),
    value         double precision,
    expected_low  double precision,
    expected_high double precision,
    description   text             not null,
    primary key (seq, kind)
);

create index anomalies_run on ops.anomalies (run_id);

-- How far each feature's values moved from those of the last accepted refresh.
create table ops.drift (
    run_id         uuid             not null references ops.runs,
    view           text             not null,
    feature        text             not null,
    rows           bigint           not null,
    reference_rows bigint           not null,
    psi            double precision,
    -- what the PSI of as many rows stays below without drift, all but one time in a thousand
    psi_noise      double precision,
    -- of numbers only
    ks             double precision,
    p_value        double precision,
    has_drifted    boolean          not null,
    primary key (run_id, view, feature)
);

-- How many current bets there are by sport and book, kept with the features so that no refresh has to count its history.
create table features.bet_counts (
    sport            text,
    institution_name text,
    bets             bigint not null,
    settled          bigint not null,
    without_market   bigint not null,
    without_price    bigint not null,
    unique nulls not distinct (sport, institution_name)
);

insert into features.bet_counts
select
    sport, institution_name, count(*), count(*) filter (where is_settled),
    count(*) filter (where market is null), count(*) filter (where american_odds is null)
from processed.bet_versions
where seq = any (
    select distinct on (id) seq from processed.bet_versions
    where seq <= (select seq from features.reach) and not is_superseded
    order by id, seq desc
) and not is_deleted
group by sport, institution_name;

-- The same bet under another id was placed at the same time.
create index bet_versions_time_placed on processed.bet_versions (time_placed);

-- ---- seals -------------------------------------------------------------------------------------------------------------
-- A run's change rows may be served while they are the ones that passed the gate. Their digest depends on no order, and adds up:
-- that of several runs is the sum of theirs, modulo 2^64.
create table ops.seals (
    run_id   uuid    not null,
    view     text    not null,
    rows     bigint  not null,
    checksum numeric not null,
    primary key (run_id, view)
);

-- The digests of a view's change rows by run; of all runs where `runs` is null.
create function features.digests(view text, runs uuid[])
returns table (run_id uuid, rows bigint, checksum numeric)
language plpgsql stable parallel safe
as $$
declare
    columns text;
begin
    select string_agg(format('%I', attname), ', ' order by attnum)
    into columns
    from pg_attribute
    where attrelid = format('features.%I', view || '_changes')::regclass and attnum > 0 and not attisdropped
      and attname not in ('created_timestamp', 'run_id');

    return query execute format(
        'select run_id, count(*), mod(mod(sum(hash_record_extended(row(%s), 0)::numeric), 2::numeric ^ 64) + 2::numeric ^ 64, 2::numeric ^ 64) '
        'from features.%I where $1 is null or run_id = any ($1) group by run_id',
        columns, view || '_changes'
    ) using runs;
end
$$;

-- What stands there already was published before there were gates.
do $$
declare
    name text;
begin
    foreach name in array array[
        'sport_stats', 'sport_market_stats', 'sport_market_recent', 'sport_league_stats', 'sport_league_market_stats',
        'institution_stats', 'bet_facts', 'bet_closing_line'
    ] loop
        insert into ops.gates (run_id, state, reason, judged_at, since_seq, until_seq)
        select digest.run_id, 'overridden', 'published before there were gates', runs.now, 0, reach.seq
        from features.digests(name, null) as digest join ops.runs using (run_id) cross join features.reach
        on conflict do nothing;

        insert into ops.seals (run_id, view, rows, checksum)
        select digest.run_id, name, digest.rows, digest.checksum from features.digests(name, null) as digest join ops.gates using (run_id);
    end loop;
end $$;
