-- Grain    one row: how many runs there were
-- Reads    ops.runs
select count(*) from ops.runs
