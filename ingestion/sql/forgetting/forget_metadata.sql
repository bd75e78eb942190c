-- Grain    one row per feature of the view: the digest of its change rows and their number, those of all runs together
-- Reads    ops.seals
-- Writes   features.feature_metadata, the newest version of each feature
-- Params   view
update features.feature_metadata
set data_checksum = sealed.checksum, record_count = sealed.rows
from (
    select mod(coalesce(sum(checksum), 0), 2::numeric ^ 64) as checksum, coalesce(sum(rows), 0) as rows
    from ops.seals where view = %(view)s
) as sealed
where feature_metadata.view = %(view)s and computation_mode = 'batch' and replaced_by is null
