-- Grain    one row per bet: its known columns in the types of the wire, and as the JSON object that the server makes of them
-- Reads    a table of bets, somebody else's
-- Params   those of the condition
select {values}, row_to_json(known)::text as payload
from {table} as bet
cross join lateral (select {known}) as known
where {condition}
