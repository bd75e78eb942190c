-- Grain    one row per UTC day: of the bets whose newest raw version has its stamp on that day, their number and the sum of their
--          digests (ingestion/sources/table.py); bets that vanished are not among them
-- Reads    raw.bet_versions
with newest as (
    select distinct on (id) id, updated_at as stamp, payload
    from raw.bet_versions
    where id is not null
    order by id, seq desc
)

select
    (stamp at time zone 'UTC')::date as day,
    count(*) as rows,
    sum(('x' || left(md5(id || ' ' || coalesce((extract(epoch from stamp) * 1000000)::bigint::text, '')), 16))::bit(64)::bigint)::text
        as digest
from newest
where json_typeof(payload) <> 'null'
group by 1
