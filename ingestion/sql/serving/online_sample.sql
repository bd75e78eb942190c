-- Grain    one row per chosen key: the newest of its change rows that were copied online, if a bet is young enough to be served
-- Reads    changes: at most about so many pages, so many rows of each of the last three runs, and one row of each chosen key by the
--          index
-- Params   first, second, third: the last runs that wrote rows which were copied, null for none; keys: how many of each kind are chosen, spread over what there is and newest; seed of the spread; oldest: the
--          instant from which on rows are served, null for groups; uncopied: runs whose rows need not be there yet; pages: over
--          how many the keys are spread, null for all; rows: how many of each run are looked at
with spread as (
    select key
    from (
        select {key} as key
        from {changes} tablesample system (
            least(100, 100.0 * %(pages)s::integer * current_setting('block_size')::integer / greatest(pg_relation_size({relation}), 1))
        )
        where %(pages)s::integer is not null and (%(oldest)s::timestamptz is null or event_timestamp >= %(oldest)s)
        union all
        -- By the index on instants: where nothing is young enough, that is seen at once.
        select {key}
        from {changes}
        where %(pages)s::integer is null and event_timestamp >= coalesce(%(oldest)s::timestamptz, '-infinity')
    ) as listed (key)
    where key is not null
    group by key
    order by hashtextextended(key, %(seed)s)
    limit %(keys)s
),

newest as (
    select key
    from (
        -- One by one, so that the server knows of each whether it wrote all there is or a few rows.
        (select {key}, event_timestamp from {changes} where run_id = %(first)s::uuid limit %(rows)s)
        union all
        (select {key}, event_timestamp from {changes} where run_id = %(second)s::uuid limit %(rows)s)
        union all
        (select {key}, event_timestamp from {changes} where run_id = %(third)s::uuid limit %(rows)s)
    ) as written (key, event_timestamp)
    group by key
    order by max(event_timestamp) desc
    limit %(keys)s
)

select copied.*
from (select key from spread union select key from newest) as chosen
cross join lateral (
    select {columns}
    from {changes}
    where {key} = chosen.key and run_id <> all (%(uncopied)s::uuid[])
    order by event_timestamp desc
    limit 1
) as copied
where %(oldest)s::timestamptz is null or copied.event_timestamp >= %(oldest)s
