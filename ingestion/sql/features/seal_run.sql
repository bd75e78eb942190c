-- Grain    one row, if the run changed anything in the view: the digest of its change rows, by which they are known when they are to be served
-- Reads    features.<view>_changes, by its index on run_id
-- Writes   ops.seals
-- Params   view, run_id
insert into ops.seals (run_id, view, rows, checksum)
select run_id, %(view)s, rows, checksum from features.digests(%(view)s, array[%(run_id)s::uuid])
returning checksum, rows
