-- Grain    one row: rows per table
-- Reads    ops.row_counts and features.bet_counts for what was counted by the last refresh; of raw.bet_versions and
--          processed.bet_versions what came since; quarantine.bets, features.vocabulary
with counts as (
    select
        (select rows from ops.row_counts where counted = 'raw.bet_versions') as raw,
        (select log_position from ops.row_counts where counted = 'raw.bet_versions') as raw_position,
        (select rows from ops.row_counts where counted = 'processed.bet_versions') as processed,
        (select log_position from ops.row_counts where counted = 'processed.bet_versions') as processed_position,
        (select sum(bets) from features.bet_counts) as bets,
        (select log_position from features.watermark) as bets_position
)

select
    coalesce(raw, 0) + (
        select count(*) from raw.bet_versions where seq > coalesce(raw_position, 0)
    ) as "raw.bet_versions",
    coalesce(processed, 0) + (
        select count(*) from processed.bet_versions where seq > coalesce(processed_position, 0)
    ) as "processed.bet_versions",
    -- A version adds its bet where that was not there, and a tombstone takes it away.
    (coalesce(bets, 0) + (
        select coalesce(sum((not version.is_deleted)::integer - coalesce((
            select (not replaced.is_deleted)::integer
            from processed.bet_versions as replaced
            where replaced.seq = version.previous_seq
        ), 0)), 0)
        from processed.bet_versions as version
        where version.seq > coalesce(bets_position, 0) and not version.is_superseded
    ))::bigint as "processed.bets",
    (select count(*) from quarantine.bets) as "quarantine.bets",
    (select count(*) from quarantine.bets where state = 'open') as "quarantine.bets, open",
    (select count(*) from features.vocabulary) as "features.vocabulary"
from counts
