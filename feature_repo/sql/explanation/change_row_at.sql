-- Grain    one row, or none: the newest change row of a key by an instant, and whether it still held then (rule R6)
-- As of    at
-- Reads    changelog, by its index; features.watermark
-- Params   at, key
-- Format   holds: a condition on changed_at; key, changelog, features
select change.*, watermark.features_watermark, {holds} as holds
from (
    select event_timestamp as changed_at, run_id, {features}
    from {changelog}
    where {key} = %(key)s and event_timestamp <= %(at)s
    order by event_timestamp desc
    limit 1
) as change
left join features.watermark on true
