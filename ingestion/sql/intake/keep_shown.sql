-- Grain    one row per bet that a file, or a retry of refused rows, brings a version of, and that stays the business of another
--          stream: of the table that showed it last, and after a retry of the file too. Which stream that is, is said the same in
--          bets_of_other_streams and newest_versions_table.
-- Reads    pg_temp.new_versions, raw.shown_bets, raw.bet_versions, before that is stored
-- Writes   raw.shown_bets: that stream, which does not show this version; a bet that a file brings anew is no other file's any more
-- Params   source, is_retry
with of_another_file as (
    delete from raw.shown_bets
    using new_versions
    where shown_bets.id = new_versions.id and shown_bets.stream like 'file:%%' and not %(is_retry)s
)

insert into raw.shown_bets (id, stream)
select distinct new_versions.id, kept.stream
from new_versions
cross join lateral (
    select source from raw.bet_versions
    where raw.bet_versions.id = new_versions.id
    order by raw.bet_versions.seq desc limit 1
) as newest
left join raw.shown_bets on shown_bets.id = new_versions.id
cross join lateral (select coalesce(shown_bets.stream, newest.source) as stream) as kept
where kept.stream like 'postgres:%%' or kept.stream like 'supabase:%%' or (%(is_retry)s and kept.stream <> %(source)s)
on conflict (id) do update set payload = null
