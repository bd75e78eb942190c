-- Grain    one row per partition that is to be written
-- Reads    pg_temp.changed
select sport, month from changed
