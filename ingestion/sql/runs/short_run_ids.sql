-- Grain    one row per run: the shortest beginning of its id, of 8 characters or more, that no other run's id has
-- Reads    ops.runs
-- Params   run_ids (uuid[])
select this.run_id, (
    select left(this.run_id::text, length)
    from generate_series(8, 36) as length
    -- None ends with a dash. Of all other ids, the two beside this one share the longest beginning with it.
    where length not in (9, 14, 19, 24) and not exists (
        select from (
            (select run_id from ops.runs where run_id < this.run_id order by run_id desc limit 1)
            union all
            (select run_id from ops.runs where run_id > this.run_id order by run_id limit 1)
        ) as beside
        where left(beside.run_id::text, length) = left(this.run_id::text, length)
    )
    order by length
    limit 1
)
from unnest(%(run_ids)s::uuid[]) as this(run_id)
