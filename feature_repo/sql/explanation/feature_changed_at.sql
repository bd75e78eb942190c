-- Grain    one row: the change row from which on a feature of a key has had the value that it has at an instant
-- As of    changed_at, the newest change row by the instant
-- Reads    changelog, by its index, back to the last row with another value
-- Params   key, changed_at
-- Format   key, changelog, feature
with now as (
    select {feature} as value from {changelog} where {key} = %(key)s and event_timestamp = %(changed_at)s
)

select event_timestamp, run_id
from {changelog}
where {key} = %(key)s and event_timestamp <= %(changed_at)s and event_timestamp > coalesce(
    (
        select event_timestamp
        from {changelog} cross join now
        where {key} = %(key)s and event_timestamp < %(changed_at)s and {feature} is distinct from now.value
        order by event_timestamp desc
        limit 1
    ),
    '-infinity'
)
order by event_timestamp
limit 1
