-- Grain    one row per view in which the run changed anything: the digest of its change rows, by which they are known when they are to be served
-- Reads    features.<view>_changes, by their indexes on run_id
-- Writes   ops.seals
-- Params   views, run_id
insert into ops.seals (run_id, view, rows, checksum)
select digests.run_id, listed.view, digests.rows, digests.checksum
from unnest(%(views)s::text[]) as listed (view)
cross join lateral features.digests(listed.view, array[%(run_id)s::uuid]) as digests
returning view, checksum, rows
