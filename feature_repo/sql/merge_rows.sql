-- Grain    one row per row that was given
-- Reads    staging
-- Writes   table: a row of the same unique takes the given values; of several given ones the last
insert into {table} ({columns})
select distinct on ({unique}) {columns}
from {staging}
order by {unique}, ctid desc
on conflict ({unique}) do {action}
