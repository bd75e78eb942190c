-- Grain    one row per group
-- Reads    pg_temp.moved_state
-- Writes   features.group_state, the running sums
insert into features.group_state (
    grouping, key, wins, losses, stake_cents, profit_cents, roi_nano, roi_count,
    priced_wins, priced_count, implied_nano, clv_nano, clv_count
)
select
    grouping, key, wins, losses, stake_cents, profit_cents, roi_nano, roi_count,
    priced_wins, priced_count, implied_nano, clv_nano, clv_count
from moved_state
on conflict (grouping, key) do update
set wins = excluded.wins,
    losses = excluded.losses,
    stake_cents = excluded.stake_cents,
    profit_cents = excluded.profit_cents,
    roi_nano = excluded.roi_nano,
    roi_count = excluded.roi_count,
    priced_wins = excluded.priced_wins,
    priced_count = excluded.priced_count,
    implied_nano = excluded.implied_nano,
    clv_nano = excluded.clv_nano,
    clv_count = excluded.clv_count
