-- Grain    one row
-- Locks    an advisory lock of the run, until the transaction ends
-- Params   run_id
select pg_advisory_xact_lock(hashtextextended(%(run_id)s::uuid::text, 0))
