-- Grain    one row per bet whose newest raw version has its stamp on one of these UTC days; bets that vanished are not among them
-- Reads    raw.bet_versions
-- Params   days, and whether those without a stamp too (undated)
with newest as (
    select distinct on (id) id, updated_at as stamp, payload
    from raw.bet_versions
    where id is not null
    order by id, seq desc
)

select id, stamp
from newest
where json_typeof(payload) <> 'null'
  and ((stamp at time zone 'UTC')::date = any (%(days)s::date[]) or (%(undated)s and stamp is null))
