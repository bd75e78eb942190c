-- Grain    one row, or none before the first refresh: the instant up to which every change is carried forward
-- Reads    features.watermark
select features_watermark from features.watermark
