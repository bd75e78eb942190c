-- Grain    one row: the run of this store whose id sorts last, or none
-- Reads    ops.runs
select run_id from ops.runs order by run_id desc limit 1
