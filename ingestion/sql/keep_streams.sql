-- Grain    one row per bet of a table that a file, or a retry, brings a version of
-- Reads    pg_temp.new_versions, raw.bet_versions, before that is stored
-- Writes   raw.shown_bets: it stays the business of that table, which does not show this version
insert into raw.shown_bets (id, stream)
select distinct new_versions.id, coalesce(shown_bets.stream, newest.source)
from new_versions
cross join lateral (
    select source from raw.bet_versions
    where raw.bet_versions.id = new_versions.id
    order by raw.bet_versions.seq desc limit 1
) as newest
left join raw.shown_bets on shown_bets.id = new_versions.id
where shown_bets.id is not null or newest.source like 'postgres:%' or newest.source like 'supabase:%'
on conflict (id) do update set payload = null
