-- Grain    one row per key: its newest change row up to an instant; nulls where it has none
-- Reads    changes
-- Params   keys, until (null: whatever stands there)
select wanted.key, newest.event_timestamp is not null as is_there, {features}
from unnest(%(keys)s::text[]) as wanted (key)
left join lateral (
    select *
    from {changes} as change
    where change.{key} = wanted.key and (%(until)s::timestamptz is null or change.event_timestamp <= %(until)s)
    order by change.event_timestamp desc
    limit 1
) as newest on true
