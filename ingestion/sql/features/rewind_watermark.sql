-- Grain    the one row of features.watermark
-- Reads    processed.bet_versions
-- Writes   features.watermark, as upsert_features_watermark.sql has it for a refresh at this instant
-- Params   now
update features.watermark
set features_watermark = greatest(
    %(now)s::timestamptz,
    (select known_at from processed.bet_versions where bet_versions.seq <= watermark.log_position order by bet_versions.seq desc limit 1)
)
