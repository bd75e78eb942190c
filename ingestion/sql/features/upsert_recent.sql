-- Grain    one row per group
-- Reads    pg_temp.moved_state
-- Writes   features.group_state, the recent bets. A group whose every change cancelled out has no sums yet: zeros.
insert into features.group_state (
    grouping, key, wins, losses, stake_cents, profit_cents, roi_nano, roi_count,
    priced_wins, priced_count, implied_nano, clv_nano, clv_count, recent
)
select grouping, key, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, recent
from moved_state
on conflict (grouping, key) do update
set recent = excluded.recent
