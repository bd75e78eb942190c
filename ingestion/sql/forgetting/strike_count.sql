-- Grain    one row: how many values a column has
-- Format   table, column
select count({column}) from {table}
