-- Grain    one row per bet that exists, its newest version; of the changed partitions, a partition after the other
-- Reads    pg_temp.changed, processed.bets
select bets.*, changed.month as partition_month
from changed
join processed.bets
    -- Not `is not distinct from`, which no hash join can do.
    on coalesce(bets.sport, '') = coalesce(changed.sport, '')
    and (bets.sport is null) = (changed.sport is null)
    and coalesce(to_char(bets.time_placed at time zone 'UTC', 'YYYY-MM'), '') = coalesce(changed.month, '')
order by bets.sport collate "C", changed.month collate "C", bets.time_placed, bets.id collate "C"
