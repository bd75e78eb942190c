-- The latest values of three groupings, one row per group, for dashboards. `pikkit publish-supabase` copies them to the tables of
-- the same names in docs/supabase.sql.
--
-- A view starts at features.group_state and walks the unique index of a change table backwards, one probe per group: its cost
-- follows the number of groups, not of change rows. A group whose bets are all gone has zeros there, and no row here.
--
-- Unknown is null, never a default. `total_bets` are wins and losses (rule R4). Money is in units, from integer cents.
-- `updated_at` is the instant of the group's newest change row. A part of a key that is null (a bet without a market) is '' here,
-- since these columns are primary keys where they are published; no bet has an empty text, so '' is nothing else.

-- One part of a key, as feature_repo/keys.py spells keys: parts joined with |, \ before \ and | inside a part, a null part \N.
-- The first part is number 1.
create function features.key_part(key text, number integer) returns text
language sql immutable strict parallel safe
return (
    select case when part = '\N' then '' else regexp_replace(part, '\\(.)', '\1', 'g') end
    from regexp_substr(key, '((?:[^|\\]|\\.)*)(?:\||$)', 1, number, '', 1) as part
);

create view features.feature_sport_stats as
select
    features.key_part(state.key, 1) as sport,
    newest.sport_win_rate as win_rate,
    newest.sport_roi as roi,
    state.wins + state.losses as total_bets,
    (state.stake_cents / 100.0)::numeric(14, 2) as total_amount,
    (state.profit_cents / 100.0)::numeric(14, 2) as total_profit,
    newest.event_timestamp as updated_at
from features.group_state as state
cross join lateral (
    select *
    from features.sport_stats_changes as change
    where change.sport = state.key
    order by change.event_timestamp desc
    limit 1
) as newest
where
    state.grouping = 'sport'
    and (
        wins, losses, stake_cents, profit_cents, roi_nano, roi_count, priced_wins, priced_count, implied_nano, clv_nano, clv_count
    ) is distinct from (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

-- A group of which no bet was ever graded has no row of recent bets.
create view features.feature_sport_market_stats as
select
    features.key_part(state.key, 1) as sport,
    features.key_part(state.key, 2) as market,
    newest.sport_market_win_rate as win_rate,
    newest.sport_market_roi as roi,
    state.wins + state.losses as total_bets,
    recent.recent_win_rate,
    greatest(newest.event_timestamp, recent.event_timestamp) as updated_at
from features.group_state as state
cross join lateral (
    select *
    from features.sport_market_stats_changes as change
    where change.sport_market = state.key
    order by change.event_timestamp desc
    limit 1
) as newest
left join lateral (
    select *
    from features.sport_market_recent_changes as change
    where change.sport_market = state.key
    order by change.event_timestamp desc
    limit 1
) as recent on true
where
    state.grouping = 'sport_market'
    and (
        wins, losses, stake_cents, profit_cents, roi_nano, roi_count, priced_wins, priced_count, implied_nano, clv_nano, clv_count
    ) is distinct from (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

create view features.feature_institution_stats as
select
    features.key_part(state.key, 1) as institution_name,
    newest.institution_win_rate as win_rate,
    newest.institution_roi as roi,
    state.wins + state.losses as total_bets,
    newest.event_timestamp as updated_at
from features.group_state as state
cross join lateral (
    select *
    from features.institution_stats_changes as change
    where change.institution_name = state.key
    order by change.event_timestamp desc
    limit 1
) as newest
where
    state.grouping = 'institution'
    and (
        wins, losses, stake_cents, profit_cents, roi_nano, roi_count, priced_wins, priced_count, implied_nano, clv_nano, clv_count
    ) is distinct from (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

comment on view features.feature_sport_stats is 'The newest values of each sport.';
comment on view features.feature_sport_market_stats is 'The newest values of each market of a sport.';
comment on view features.feature_institution_stats is 'The newest values of each institution.';
comment on column features.feature_sport_stats.win_rate is 'Wins over wins and losses, 0 to 1; null where there are none.';
comment on column features.feature_sport_stats.roi is 'Profit in percent of the stake at risk; null where none was.';
comment on column features.feature_sport_stats.total_amount is 'The stake at risk, in units of money.';
comment on column features.feature_sport_market_stats.recent_win_rate is 'Win rate of the newest 10 graded bets.';
