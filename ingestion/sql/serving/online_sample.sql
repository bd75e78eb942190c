-- Grain    one row per chosen key: the newest of its change rows that were copied online, if a bet is young enough to be served
-- Reads    changes: at most about so many pages, what the last three runs wrote, and one row of each chosen key by the index;
--          ops.seals
-- Params   view; keys: how many of each kind are chosen, spread over what there is and newest; seed of the spread; oldest: the
--          instant from which on rows are served, null for groups; uncopied: runs whose rows need not be there yet; pages: over
--          how many the keys are spread, null for all
with spread as (
    select {key} as key
    from {changes} tablesample system (
        least(100, 100.0 * %(pages)s::integer * current_setting('block_size')::integer / greatest(pg_relation_size({relation}), 1))
    )
    where {key} is not null and (%(oldest)s::timestamptz is null or event_timestamp >= %(oldest)s)
    group by {key}
    order by hashtextextended({key}, %(seed)s)
    limit %(keys)s
),

newest as (
    select {key} as key
    from {changes}
    where run_id = any(array(
        select run_id
        from ops.seals
        where view = %(view)s and rows > 0 and run_id <> all (%(uncopied)s::uuid[])
        order by run_id desc
        limit 3
    ))
    group by {key}
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
