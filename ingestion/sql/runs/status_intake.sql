-- Grain    one row: the newest run that read rows and kept what it did with them, or none
-- Reads    ops.runs
select
    run_id, (counts ->> 'rows_read')::bigint as rows_read, (counts ->> 'accepted')::bigint as accepted,
    (counts ->> 'quarantined')::bigint as quarantined
from ops.runs
where counts ? 'rows_read'
order by run_id desc
limit 1
