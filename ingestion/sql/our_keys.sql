-- Grain    one row per bet whose newest raw version has its stamp on one of these UTC days; bets that vanished are not among them
-- Reads    raw.bet_versions
-- Params   days, and whether those without a stamp too (undated)
with newest as (
    select distinct on (id) id, updated_at as stamp, payload
    from raw.bet_versions
    where id is not null
    order by id, seq desc
)

select
    id,
    stamp,
    -- the id before it was trimmed; Postgres cannot unescape a payload with a NUL character
    case when json_typeof(payload) = 'object' and strpos(payload::text, '\u0000') = 0 then payload ->> 'id' end as sent_as
from newest
where json_typeof(payload) <> 'null'
  and ((stamp at time zone 'UTC')::date = any (%(days)s::date[]) or (%(undated)s and stamp is null))
