-- Features: change rows (append only), the views Feast reads, the state an incremental refresh starts from, the vocabulary.

create schema features;

-- How far into the log the features reach, and the clock of the last successful refresh ("the mark").
create table features.reach (
    only_row     boolean     primary key default true check (only_row),
    seq          bigint      not null,
    refreshed_at timestamptz not null,
    run_id       uuid        not null
);

-- Running sums per group. Integers, so that adding and retracting in any order gives the same bits.
-- *_nano are sums in billionths.
create table features.group_state (
    grouping     text   not null,
    key          text   not null,
    wins         bigint not null,
    losses       bigint not null,
    stake_cents  bigint not null,
    profit_cents bigint not null,
    roi_nano     bigint not null,
    roi_count    bigint not null,
    priced_wins  bigint not null,
    priced_count bigint not null,
    implied_nano bigint not null,
    clv_nano     bigint not null,
    clv_count    bigint not null,
    -- sport_market only: the newest graded bets, oldest first, and how many are older (ingestion/recent.py)
    recent       jsonb,
    primary key (grouping, key)
);

create table features.vocabulary (
    column_name text    not null,
    value       text    not null,
    -- 0 is "unknown" and belongs to no value
    code        integer not null check (code > 0),
    primary key (column_name, value),
    unique (column_name, code)
);

create table features.feature_metadata (
    feature          text        not null,
    version          integer     not null,
    view             text        not null,
    computation_mode text        not null,
    definition_hash  text        not null,
    -- order-independent digest of the view's change rows, and their number
    data_checksum    numeric     not null,
    record_count     bigint      not null,
    last_computed_at timestamptz not null,
    primary key (feature, view, version)
);

-- ---- the six grouped views -------------------------------------------------------------------------------------------
-- One change row per key and instant at which it changed. An unchanged group is still true, so the view re-asserts each row at
-- TTL steps until its next change or the mark, and once more at the mark itself (rule R6). Nothing is stored for it. A pipeline
-- that has been silent for longer than the TTL leaves nothing within the TTL of now, and Feast's join reads null.
-- created_timestamp equals event_timestamp: the row could first be known then.
-- The unique index serves "newest row up to t" too: Postgres walks it backwards. Run ids sort by time, so a BRIN index of a few
-- pages finds the rows of one run.

do $$
declare
    grouped record;
    measures text;
begin
    for grouped in
        select * from (values
            ('sport_stats', 'sport', interval '24 hours', array['sport_win_rate', 'sport_roi', 'sport_avg_bet_roi', 'sport_count', 'sport_edge', 'sport_win_rate_shrunk', 'sport_avg_clv']),
            ('sport_market_stats', 'sport_market', interval '24 hours', array['sport_market_win_rate', 'sport_market_roi', 'sport_market_avg_bet_roi', 'sport_market_edge', 'sport_market_win_rate_shrunk', 'sport_market_avg_clv']),
            ('sport_market_recent', 'sport_market', interval '1 hour', array['recent_win_rate', 'recent_win_rate_50', 'sport_market_count']),
            ('sport_league_stats', 'sport_league', interval '24 hours', array['sport_league_win_rate', 'sport_league_roi', 'sport_league_avg_bet_roi', 'sport_league_count', 'sport_league_edge', 'sport_league_win_rate_shrunk', 'sport_league_avg_clv']),
            ('sport_league_market_stats', 'sport_league_market', interval '24 hours', array['sport_league_market_win_rate', 'sport_league_market_roi', 'sport_league_market_avg_bet_roi', 'sport_league_market_count', 'sport_league_market_edge', 'sport_league_market_win_rate_shrunk', 'sport_league_market_avg_clv']),
            ('institution_stats', 'institution_name', interval '24 hours', array['institution_win_rate', 'institution_roi', 'institution_avg_bet_roi', 'institution_count', 'institution_edge', 'institution_win_rate_shrunk', 'institution_avg_clv'])
        ) as v (name, key, ttl, features)
    loop
        select string_agg(format('%I %s', feature, case when feature like '%\_count' then 'bigint' else 'double precision' end), ', ')
        into measures
        from unnest(grouped.features) as feature;

        execute format(
            'create table features.%I (%I text not null, event_timestamp timestamptz not null, '
            'created_timestamp timestamptz not null, run_id uuid not null, %s, unique (%I, event_timestamp))',
            grouped.name || '_changes', grouped.key, measures, grouped.key);
        execute format('create index on features.%I using brin (run_id) with (autosummarize = on)', grouped.name || '_changes');

        select string_agg(format('span.%I', feature), ', ') into measures from unnest(grouped.features) as feature;

        execute format(
            'create view features.%1$I as '
            'with span as ('
            '  select *, lead(event_timestamp) over (partition by %2$I order by event_timestamp) as next_change'
            '  from features.%3$I) '
            'select span.%2$I, asserted.at as event_timestamp, asserted.at as created_timestamp, span.run_id, %4$s '
            'from span cross join features.reach cross join lateral ('
            '  select span.event_timestamp as at'
            '  union all'
            '  select step from generate_series(span.event_timestamp + %5$L::interval,'
            '    least(span.next_change, reach.refreshed_at) - interval ''1 microsecond'', %5$L::interval) as step'
            '  union all'
            '  select reach.refreshed_at where span.next_change is null and reach.refreshed_at > span.event_timestamp'
            ') as asserted',
            grouped.name, grouped.key, grouped.name || '_changes', measures, grouped.ttl::text);
    end loop;
end $$;

-- ---- the two views of single bets ------------------------------------------------------------------------------------

create table features.bet_facts_changes (
    bet_id            text        not null,
    event_timestamp   timestamptz not null,
    created_timestamp timestamptz not null,
    run_id            uuid        not null,
    american_odds     bigint,
    decimal_odds      double precision,
    implied_prob      double precision,
    is_live           boolean,
    bet_type          text,
    sport             text,
    league            text,
    market            text,
    institution_name  text,
    amount            double precision,
    unique (bet_id, event_timestamp)
);

create index on features.bet_facts_changes using brin (run_id) with (autosummarize = on);

create view features.bet_facts as select * from features.bet_facts_changes;

create table features.bet_closing_line_changes (
    bet_id            text        not null,
    event_timestamp   timestamptz not null,
    created_timestamp timestamptz not null,
    run_id            uuid        not null,
    clv_percentage    double precision,
    clv_ev            double precision,
    clv_current_odds  double precision,
    unique (bet_id, event_timestamp)
);

create index on features.bet_closing_line_changes using brin (run_id) with (autosummarize = on);

create view features.bet_closing_line as select * from features.bet_closing_line_changes;
