-- Grain    one row: the greatest number of a version, up to where the features have followed the log, and from when on a version
--          that is added now is known: now, past the log and the last refresh (as of tombstones_table.sql)
-- Reads    raw.bet_versions, processed.bet_versions, features.watermark
-- Params   now
select
    greatest(
        coalesce((select max(seq) from raw.bet_versions), 0), coalesce((select max(seq) from processed.bet_versions), 0)
    ) as seq,
    coalesce((select log_position from features.watermark), 0) as log_position,
    greatest(%(now)s::timestamptz, (
        select greatest(known_at, (select features_watermark from features.watermark)) + interval '1 microsecond'
        from processed.bet_versions order by seq desc limit 1
    )) as known_at
