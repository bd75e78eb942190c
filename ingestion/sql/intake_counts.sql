-- Grain    one row: what became of the rows of this run. Read before the log grows.
-- Reads    pg_temp.incoming, pg_temp.new_versions, processed.bet_versions
-- Params   now
select
    (select count(*) from incoming) as rows_read,
    (select count(*) - count(distinct content_hash) from incoming) as copies,
    greatest(0, (select count(distinct content_hash) from incoming) - count(*)) as seen_before,
    count(*) filter (where returns_after is not null) as returned,
    count(*) filter (where accepted) as accepted,
    count(*) filter (where is_late) as late,
    count(*) filter (where is_superseded) as superseded,
    count(*) filter (where not accepted) as quarantined,
    not exists (select from processed.bet_versions) as first_load,
    coalesce((
        select count(*) from new_versions join incoming using (arrival)
        where accepted group by incoming.updated_at order by 1 desc limit 1
    ), 0) as largest_instant,
    count(*) filter (where updated_at > %(now)s) as future,
    max(updated_at) as newest_stamp,
    max(known_at) as known_until
from new_versions
