-- Grain    one row per stored feature: the digest of the definition that its newest version has
-- Reads    features.feature_metadata
select distinct on (view, feature) view, feature, definition_hash
from features.feature_metadata
order by view, feature, version desc
