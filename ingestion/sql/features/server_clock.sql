-- Grain    one row: what the database's own clock says
select clock_timestamp()
