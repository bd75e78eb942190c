-- Grain    one row per key: its newest change row, of bets only those young enough to be served
-- Reads    table, features.reach
-- Params   ttl: null for groups, which the mark keeps true
select {columns}
from (
    select distinct on ({key}) {table}.*
    from {table}
    order by {key}, event_timestamp desc
) as newest, features.reach
where %(ttl)s::interval is null or newest.event_timestamp >= reach.refreshed_at - %(ttl)s::interval
