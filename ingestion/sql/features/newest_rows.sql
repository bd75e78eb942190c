-- Grain    one row per key: its newest change row, of bets only those young enough to be served
-- Reads    table, features.watermark
-- Params   ttl: null for groups, which are true up to the features watermark
select {columns}
from (
    select distinct on ({key}) {table}.*
    from {table}
    order by {key}, event_timestamp desc
) as newest, features.watermark
where %(ttl)s::interval is null or newest.event_timestamp >= watermark.features_watermark - %(ttl)s::interval
