-- Grain    one row, or none before the first refresh: the instant up to which every change is carried forward
-- Reads    features.reach
select refreshed_at from features.reach
