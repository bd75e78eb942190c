-- Grain    one row per key: its last change up to until, at the instant at which the view says it for the last time
--          up to then; only keys for which that instant is at or after since
-- Reads    changes, features.watermark
-- A change is said again every step seconds until the next change or the mark, and at the mark if it holds then.
select {columns}, asserted.at as event_timestamp, asserted.at as created_timestamp
from (
    select {distinct} *
    from {changes} as change
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
                    select from {changes} as later
                    where later.event_timestamp > change.event_timestamp and {same_key}
                )
            then watermark.features_watermark
            else
                change.event_timestamp + make_interval(secs => {step}) * greatest(0, floor(
                    extract(epoch from least({until}, watermark.features_watermark - interval '1 microsecond') - change.event_timestamp)
                    / {step}
                ))::float8
        end as at
) as asserted
where asserted.at >= {since}
