-- Grain    one row per row that was given and is not there yet, with equal values in all columns
-- Reads    staging, table
-- Writes   table
insert into {table} ({columns})
select {columns}
from {staging} as given
where not exists (select from {table} as stored where {same_values})
