-- Grain    one row, or none before the first refresh: until when the change rows are asserted
-- Reads    features.watermark
select features_watermark from features.watermark
