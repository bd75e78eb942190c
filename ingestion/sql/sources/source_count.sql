-- Grain    one row: how many bets there are
-- Reads    a table of bets, somebody else's
-- Params   those of the condition
select count(*) from {table} as bet where {condition}
