-- Grain    one row: the features of the view (none where it has no change rows), and how many of them features.feature_metadata
--          lacks, or has with another number or digest of change rows than runs have sealed
-- Reads    ops.seals, features.feature_metadata
-- Params   view; features: its features
with sealed as (
    select coalesce(sum(rows), 0) as rows, mod(coalesce(sum(checksum), 0), 2::numeric ^ 64) as checksum
    from ops.seals where view = %(view)s
),

newest as (
    select distinct on (feature) feature, record_count, data_checksum
    from features.feature_metadata
    where view = %(view)s
    order by feature, version desc
)

select count(*), count(*) filter (where (record_count, data_checksum) is distinct from (sealed.rows, sealed.checksum))
from unnest(%(features)s::text[]) as listed (feature)
cross join sealed
left join newest using (feature)
where sealed.rows > 0
