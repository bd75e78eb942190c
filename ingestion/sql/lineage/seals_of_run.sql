-- Grain    one row per view that the run wrote rows of: how many, their digest, and the newest version of each of its features
-- Reads    ops.seals, features.feature_metadata
-- Params   run_id
select
    view, rows, checksum,
    coalesce((
        select jsonb_object_agg(feature, newest)
        from (
            select feature, max(version) as newest
            from features.feature_metadata
            where feature_metadata.view = seals.view
            group by feature
        ) as versions
    ), '{}')
from ops.seals
where run_id = %(run_id)s and rows > 0
order by view
