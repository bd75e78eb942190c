-- Grain    one row per raw version; of the changed partitions, a partition after the other
-- Reads    pg_temp.changed, raw.bet_versions
select
    bet_versions.seq, bet_versions.batch_id::text, bet_versions.id, bet_versions.updated_at, bet_versions.known_at,
    bet_versions.content_hash, bet_versions.returns_after, bet_versions.payload::text, bet_versions.source,
    bet_versions.received_at, null::text as sport, changed.month as partition_month
from changed
join raw.bet_versions on to_char(bet_versions.received_at at time zone 'UTC', 'YYYY-MM') = changed.month
order by changed.month collate "C", bet_versions.seq
