-- Grain    one row per run that lost change rows in the view: the digest of what is left of them; no row where nothing is
-- Reads    features.<view>_changes, by its index on run_id
-- Writes   ops.seals
-- Params   view, runs
with sealed as (select run_id, rows, checksum from features.digests(%(view)s, %(runs)s::uuid[])),

gone as (
    delete from ops.seals where view = %(view)s and run_id = any (%(runs)s) and run_id not in (select run_id from sealed)
)

update ops.seals
set rows = sealed.rows, checksum = sealed.checksum
from sealed
where seals.view = %(view)s and seals.run_id = sealed.run_id
