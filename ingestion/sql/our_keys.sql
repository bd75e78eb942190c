-- Grain    one row per bet whose newest raw version has its stamp on one of these UTC days
-- Reads    pg_temp.newest_versions, raw.bet_versions
-- Params   days, and whether those without a stamp too (undated)
select
    newest_versions.id,
    stamp,
    -- the id before it was trimmed; Postgres cannot unescape a payload with a NUL character
    case when json_typeof(payload) = 'object' and strpos(payload::text, '\u0000') = 0 then payload ->> 'id' end as sent_as
from newest_versions
join raw.bet_versions using (seq)
where (stamp at time zone 'UTC')::date = any (%(days)s::date[]) or (%(undated)s and stamp is null)
