-- Grain    one row, or none before the first refresh: until when the change rows are asserted
-- Reads    features.reach
select refreshed_at from features.reach
