-- Grain    one row per key that has a row, and look: its newest change row, and for the look before the newest of that time
-- Reads    changes
-- Params   keys; keys_before: those of the look before; until: the instant of that look
select wanted.key, wanted.is_now, {features}
from (
    select now.key, true as is_now, timestamptz 'infinity' as until
    from unnest(%(keys)s::text[]) as now (key)
    union all
    select before.key, false, %(until)s::timestamptz
    from unnest(%(keys_before)s::text[]) as before (key)
) as wanted
cross join lateral (
    select *
    from {changes} as change
    where change.{key} = wanted.key and change.event_timestamp <= wanted.until
    order by change.event_timestamp desc
    limit 1
) as newest
