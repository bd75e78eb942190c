-- Grain    one row per stored feature: the newest version of its definition
-- Reads    features.feature_metadata
select distinct on (view, feature) view, feature, version, record_count, last_computed_at
from features.feature_metadata
order by view, feature, version desc
