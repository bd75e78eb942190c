-- Grain    one row per bet of these that no table has sent a version of, sound or not
-- Reads    raw.bet_versions
-- Params   ids
select asked.id
from unnest(%(ids)s::text[]) as asked (id)
where not exists (
    select from raw.bet_versions
    where bet_versions.id = asked.id and (bet_versions.source like 'supabase:%%' or bet_versions.source like 'postgres:%%')
)
order by asked.id
