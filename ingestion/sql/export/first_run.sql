-- Grain    one row: the first run of this store
-- Reads    ops.runs
select run_id from ops.runs order by run_id limit 1
