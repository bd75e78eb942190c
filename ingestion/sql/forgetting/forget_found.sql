-- Grain    one row: how many rows a table has, and how many of them are of one of these bets
-- Reads    the table, once; pg_temp.forgetting, pg_temp.forgetting_seqs
-- Format   table; condition
select count(*), count(*) filter (where {condition}) from {table}
