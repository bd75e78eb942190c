-- Grain    one row per key: its last change up to until, at the instant at which the view says it for the last time
--          up to then; only keys for which that instant is at or after since
-- Reads    changes, features.reach
-- A change is said again every step seconds until the next change or the mark, and at the mark if it holds then.
select {columns}, asserted.at as event_timestamp, asserted.at as created_timestamp
from (
    select {distinct} *
    from {changes} as change
    where change.event_timestamp <= {until}
    order by {order}
) as change
cross join features.reach
cross join lateral (
    select
        case
            when
                reach.refreshed_at > change.event_timestamp and reach.refreshed_at <= {until}
                and not exists (
                    select from {changes} as later
                    where later.event_timestamp > change.event_timestamp and {same_key}
                )
            then reach.refreshed_at
            else
                change.event_timestamp + make_interval(secs => {step}) * greatest(0, floor(
                    extract(epoch from least({until}, reach.refreshed_at - interval '1 microsecond') - change.event_timestamp)
                    / {step}
                ))::float8
        end as at
) as asserted
where asserted.at >= {since}
