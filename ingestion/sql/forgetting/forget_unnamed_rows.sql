-- Grain    one row per row that could not be read, so that nobody knows whose it is, and that may hold one of these names
-- Reads    raw.bet_versions, by its index on id
-- Params   names
select seq, payload::text as payload
from raw.bet_versions
where id is null and exists (select from unnest(%(names)s::text[]) as name where strpos(payload::text, name) > 0)
