-- Grain    one row per feature and version, oldest first
-- Reads    features.feature_metadata
select
    view, feature, version, definition_hash, computation_mode, to_char(data_checksum, 'FM99999999999999999999'), record_count,
    first_computed_at, last_computed_at, run_id, replaced_at, replaced_by
from features.feature_metadata
order by view, feature, version
