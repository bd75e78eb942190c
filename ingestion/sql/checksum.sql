-- Grain    one row: the order-independent digest of a view's change rows (modulo 2^64) and their number
-- Reads    {table}; the BRIN index on run_id keeps one run's share as cheap as the run
-- Params   run_id: only the rows of this run; all rows where it is null
select coalesce(mod(mod(sum(hash_record_extended(row({columns}), 0)::numeric), 2::numeric ^ 64) + 2::numeric ^ 64, 2::numeric ^ 64), 0), count(*)
from {table}
where %(run_id)s::uuid is null or run_id = %(run_id)s
