-- Grain    one row: the features of the views that have change rows, and how many of them features.feature_metadata lacks, or has
--          with another number or digest of change rows than runs have sealed
-- Reads    ops.seals, features.feature_metadata
-- Params   views, features: parallel arrays, an element a feature
with sealed as (
    select view, sum(rows) as rows, mod(sum(checksum), 2::numeric ^ 64) as checksum
    from ops.seals
    where view = any(%(views)s)
    group by view
    having sum(rows) > 0
),

newest as (
    select distinct on (view, feature) view, feature, record_count, data_checksum
    from features.feature_metadata
    where view = any(%(views)s)
    order by view, feature, version desc
)

select count(*), count(*) filter (where (record_count, data_checksum) is distinct from (sealed.rows, sealed.checksum))
from unnest(%(views)s::text[], %(features)s::text[]) as listed (view, feature)
join sealed using (view)
left join newest using (view, feature)
