-- What makes the cost of looking at a store follow what is looked at, and not how long its log is; and lineage events that expire.

-- ---- bets in the order in which they became known --------------------------------------------------------------------

-- The newest bets of a group, the versions that became known at an instant, and those between two.
create index bet_versions_known_at on processed.bet_versions (known_at);

-- Runs write their change rows one after the other, so a few pages say where those of a range are: the newest stand at the end.
-- Within one large load they stand by key, as the unique index takes them in half the time so.
do $$
declare
    view text;
begin
    foreach view in array array[
        'sport_stats', 'sport_market_stats', 'sport_market_recent', 'sport_league_stats', 'sport_league_market_stats',
        'institution_stats', 'bet_facts', 'bet_closing_line'
    ]
    loop
        execute format(
            'create index on features.%I using brin (event_timestamp) with (autosummarize = on, pages_per_range = 32)',
            view || '_changes');
    end loop;
end $$;

-- ---- numbers of rows -------------------------------------------------------------------------------------------------

create table ops.row_counts (
    -- a table; of the two views of single bets the table of their change rows
    counted      text   primary key,
    -- up to which version of the log
    log_position bigint not null,
    -- rows; of change rows the bets that have any
    rows         bigint not null
);

comment on table ops.row_counts is
    'How many rows there were up to a log position, so that nobody counts them all again. What is not here is counted when asked for.';

insert into ops.row_counts (counted, log_position, rows)
select counted, log_position, rows
from features.watermark
cross join lateral (
    select 'raw.bet_versions', (select count(*) from raw.bet_versions where seq <= log_position)
    union all
    select 'processed.bet_versions', (select count(*) from processed.bet_versions where seq <= log_position)
    union all
    select 'features.bet_facts_changes', (select count(distinct bet_id) from features.bet_facts_changes)
    union all
    select 'features.bet_closing_line_changes', (select count(distinct bet_id) from features.bet_closing_line_changes)
) as now (counted, rows);

-- Rows are added here, and counted by whoever adds them. Where one goes, or change rows become another run's as in a backfill, the
-- count goes too, and the next run counts anew.
create function ops.forget_row_count() returns trigger language plpgsql as $$
begin
    delete from ops.row_counts where counted = tg_table_schema || '.' || tg_table_name;
    return null;
end
$$;

create trigger rows_go after delete or truncate on raw.bet_versions
    for each statement execute function ops.forget_row_count();
create trigger rows_go after delete or truncate on processed.bet_versions
    for each statement execute function ops.forget_row_count();
create trigger rows_go after update or delete or truncate on features.bet_facts_changes
    for each statement execute function ops.forget_row_count();
create trigger rows_go after update or delete or truncate on features.bet_closing_line_changes
    for each statement execute function ops.forget_row_count();

-- ---- lineage events that expire --------------------------------------------------------------------------------------

-- Of an old event stays what the gate of a materialization asks for: that a run began, and which views it completed.
alter table ops.lineage_events add column is_whole boolean not null default true;
create index lineage_events_whole on ops.lineage_events (event_time) where is_whole;

comment on table ops.lineage_events is
    'OpenLineage events, append only. After 90 days they go; of those that the gate of a materialization reads the detail does.';
comment on column ops.lineage_events.is_whole is 'False for an event that is older, of which only names are left.';

alter table ops.lineage_destinations add column expired_events bigint not null default 0;

comment on column ops.lineage_destinations.expired_events is
    'How many events expired before the destination had taken them.';
