-- Grain    one row per key whose newest row by the later of two instants is another one than by the earlier, and says something
--          else: both rows
-- Reads    changelog: the range once, and the row before it of each key by the index
-- Params   since, until
-- Format   key, changelog; features: those of both rows, each under a name of its own; differs
select after.{key} as key, before.event_timestamp as before_at, after.event_timestamp as after_at, after.run_id, {features}
from (
    select distinct on ({key}) *
    from {changelog}
    where event_timestamp > %(since)s and event_timestamp <= %(until)s
    order by {key}, event_timestamp desc
) as after
left join lateral (
    select *
    from {changelog} as earlier
    where earlier.{key} = after.{key} and earlier.event_timestamp <= %(since)s
    order by event_timestamp desc
    limit 1
) as before on true
where {differs}
