-- Grain    one row per stream: how many bets are its business, and have not vanished. Which stream that is, is said the same in
--          newest_versions_table and keep_shown.
-- Reads    raw.bet_versions, raw.shown_bets
-- Params   streams: those that are left out
select coalesce(shown_bets.stream, newest.source) as stream, count(*) as bets
from (
    select distinct on (id) id, source, payload
    from raw.bet_versions
    where id is not null
    order by id, seq desc
) as newest
left join raw.shown_bets on shown_bets.id = newest.id
where json_typeof(newest.payload) <> 'null'
  and coalesce(shown_bets.stream, newest.source) <> all (%(streams)s)
group by 1
order by 1
