-- Grain    one row per accepted version, tombstones too; of the changed partitions, a partition after the other
-- Reads    pg_temp.changed, processed.bet_versions
select bet_versions.*, changed.month as partition_month
from changed
join processed.bet_versions
    -- Not `is not distinct from`, which no hash join can do.
    on coalesce(bet_versions.sport, '') = coalesce(changed.sport, '')
    and (bet_versions.sport is null) = (changed.sport is null)
    and coalesce(to_char(bet_versions.time_placed at time zone 'UTC', 'YYYY-MM'), '') = coalesce(changed.month, '')
order by
    bet_versions.sport collate "C", changed.month collate "C", bet_versions.time_placed, bet_versions.id collate "C", bet_versions.seq
