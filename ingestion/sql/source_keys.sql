-- Grain    one row per bet: its id and its stamp
-- Reads    a table of bets, somebody else's
-- Params   those of the condition
select bet.id::text as id, {stamp} as stamp
from {table} as bet
where {condition}
