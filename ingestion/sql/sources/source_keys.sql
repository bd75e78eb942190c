-- Grain    one row per row with an id: its id, its stamp, and the digest of its known columns (row_digest)
-- Reads    a table of bets, somebody else's
-- Params   those of the condition
select bet.id::text as id, {stamp} as stamp, {digest} as digest
from {table} as bet
cross join lateral (select {known}) as known
where bet.id is not null and {condition}
