-- Grain    one row: up to where the features have followed the log, as of which clock, and where the log ends (zeros and a null
--          for an empty store)
-- Reads    features.watermark, processed.bet_versions
select
    coalesce((select log_position from features.watermark), 0) as log_position,
    (select features_watermark from features.watermark) as features_watermark,
    coalesce((select max(seq) from processed.bet_versions), 0) as log_end
