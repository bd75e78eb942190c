-- Grain    one row per view that the run wrote rows of: how many, and their digest
-- Reads    ops.seals
-- Params   run_id
select view, rows, checksum
from ops.seals
where run_id = %(run_id)s and rows > 0
order by view
