-- Grain    one row: what became of the rows of this run. Read before the log grows.
-- Reads    pg_temp.incoming, pg_temp.new_versions, processed.bet_versions, raw.bet_versions, features.watermark, ops.sync_state
-- Params   now, stream, first_known_by (as of new_versions_table.sql)
with instants as (
    select incoming.updated_at as stamp, coalesce(settled_at, incoming.updated_at) as settlement
    from new_versions join incoming using (arrival)
    where accepted
),

largest as (
    select
        coalesce((select count(*) from instants group by stamp order by 1 desc limit 1), 0) as by_stamp,
        coalesce((select count(*) from instants group by settlement order by 1 desc limit 1), 0) as by_settlement
),

stream as (
    select not exists (
        select from ops.sync_state where stream = %(stream)s and last_success_at is not null
    ) as is_first
)

select
    (select count(*) from incoming) as rows_read,
    (select count(*) - count(distinct content_hash) from incoming) as copies,
    greatest(0, (select count(distinct content_hash) from incoming) - count(*)) as seen_before,
    count(*) filter (where returns_after is not null) as returned,
    count(*) filter (where accepted) as accepted,
    count(*) filter (where is_late) as late,
    count(*) filter (where is_superseded) as superseded,
    count(*) filter (where not accepted) as quarantined,
    (
        select count(*) from new_versions join incoming using (arrival)
        where accepted and not new_versions.is_superseded and incoming.is_deleted
    ) as deleted,
    not exists (select from processed.bet_versions) as first_load,
    (select is_first from stream) as first_sync,
    -- The bets are looked for at a first sync only, not every hour.
    case when (select is_first from stream) then not exists (
        select from incoming join raw.bet_versions using (id)
    ) else false end as is_new_source,
    (select case when %(first_known_by)s = 'settled_at' then by_settlement else by_stamp end from largest) as largest_instant,
    (select %(first_known_by)s <> 'settled_at' and by_settlement < by_stamp from largest) as settlements_differ,
    count(*) filter (where updated_at > %(now)s) as future,
    max(updated_at) as newest_stamp,
    max(updated_at) filter (where accepted) as newest_accepted,
    -- The same as log_end in new_versions_table.sql: what lies at or before it is late.
    (
        select greatest(known_at, (select features_watermark from features.watermark))
        from processed.bet_versions order by seq desc limit 1
    ) as log_watermark,
    max(known_at) as source_watermark
from new_versions
