-- Grain    one row: how many keys differ, how many of them are new, how many differ in each feature
-- Reads    rows, once
-- Format   rows: rows_between.sql; counts
select count(*) as rows, count(*) filter (where before_at is null) as new, {counts}
from ({rows}) as row
