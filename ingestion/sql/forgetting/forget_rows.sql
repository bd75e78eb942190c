-- Grain    one row per row of one of these bets
-- Reads    pg_temp.forgetting, pg_temp.forgetting_seqs
-- Writes   the table
-- Format   table; condition: one of the two below
delete from {table} where {condition}
