-- Grain    one row per id that more than one row of a table has
-- Reads    a table of bets, somebody else's
-- Params   those of the condition
select bet.id::text as id
from {table} as bet
where bet.id is not null and {condition}
group by 1
having count(*) > 1
