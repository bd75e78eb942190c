-- Grain    one row per feature, and since when it is computed as it is now
-- Reads    features.feature_metadata
select view || ':' || feature, first_computed_at
from features.feature_metadata
where replaced_by is null and first_computed_at is not null and version > 1
