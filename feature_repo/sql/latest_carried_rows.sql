-- Grain    one row per key: its last change up to until, at the last instant up to then at which the view carries it
--          forward; only keys for which that instant is at or after since
-- Reads    changelog, features.watermark
-- A change is carried forward every step seconds until the next change or the watermark, and to the watermark if it holds then.
select {columns}, carried.at as event_timestamp, carried.at as created_timestamp
from (
    select {distinct} *
    from {changelog} as change
    where change.event_timestamp <= {until}
    order by {order}
) as change
cross join features.watermark
cross join lateral (
    select
        case
            when
                watermark.features_watermark > change.event_timestamp and watermark.features_watermark <= {until}
                and not exists (
                    select from {changelog} as later
                    where later.event_timestamp > change.event_timestamp and {same_key}
                )
            then watermark.features_watermark
            else
                change.event_timestamp + make_interval(secs => {step}) * greatest(0, floor(
                    extract(epoch from least({until}, watermark.features_watermark - interval '1 microsecond') - change.event_timestamp)
                    / {step}
                ))::float8
        end as at
) as carried
where carried.at >= {since}
