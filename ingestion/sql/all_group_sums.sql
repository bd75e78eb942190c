-- Grain    one row per group of every grouping
-- Reads    features.group_state; groups whose every change cancelled out hold only zeros, and a replay has no sums for them
select *
from features.group_state
where (wins, losses, stake_cents, profit_cents, roi_nano, roi_count, priced_wins, priced_count, implied_nano, clv_nano, clv_count)
    is distinct from (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
