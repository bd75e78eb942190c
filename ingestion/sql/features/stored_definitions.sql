-- Grain    one row per stored view: the digest of the definition that its newest feature versions have
-- Reads    features.feature_metadata
select distinct on (view) view, definition_hash
from features.feature_metadata
order by view, version desc, last_computed_at desc
