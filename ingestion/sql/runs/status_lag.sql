-- Grain    one row: the features watermark, the newest instant of knowledge in the log, and how many versions the features have not followed yet
-- Reads    features.watermark, processed.bet_versions
select
    watermark.features_watermark,
    (select known_at from processed.bet_versions order by seq desc limit 1) as newest_known_at,
    (select count(*) from processed.bet_versions where seq > coalesce(watermark.log_position, 0)) as versions_behind
from (values (true)) as always (only_row)
left join features.watermark using (only_row)
