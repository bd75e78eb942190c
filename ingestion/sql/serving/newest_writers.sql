-- Grain    one row per run of the last three that wrote rows of the view which must be online, the newest first
-- Reads    ops.seals
-- Params   view; uncopied: runs whose rows need not be there yet
select run_id
from ops.seals
where view = %(view)s and rows > 0 and run_id <> all (%(uncopied)s::uuid[])
order by run_id desc
limit 3
