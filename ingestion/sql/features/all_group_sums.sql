-- Grain    one row per group of every grouping that holds anything
-- Reads    features.group_state; where every change cancelled out, only zeros are left, or nothing at all, as batches fell
select *
from features.group_state
where (wins, losses, stake_cents, profit_cents, roi_nano, roi_count, priced_wins, priced_count, implied_nano, clv_nano, clv_count)
    is distinct from (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
