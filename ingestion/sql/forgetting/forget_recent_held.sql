-- Grain    one row: how many last bets groups hold, and how many of them are to be forgotten
-- Reads    features.group_state, pg_temp.forgetting
select count(*), count(*) filter (where bet ->> 'id' in (select id from forgetting))
from features.group_state cross join lateral jsonb_array_elements(recent -> 'bets') as bet
where recent is not null
