-- Grain    one row per bet of these streams that its source holds as far as we know: its newest raw version, sound or not, and
--          the digest of the text that the table spelled it with last. Not one that vanished.
--          Which stream that is, is said the same in bets_of_other_streams and keep_shown.
-- Reads    raw.bet_versions, raw.shown_bets
-- Params   streams
-- Writes   pg_temp.newest_versions, gone with the transaction
create temporary table newest_versions on commit drop as
select newest.seq, newest.id, newest.stamp, {digest} as digest
from (
    select distinct on (id) seq, id, updated_at as stamp, payload, source
    from raw.bet_versions
    where id is not null
    order by id, seq desc
) as newest
left join raw.shown_bets on shown_bets.id = newest.id
where json_typeof(newest.payload) <> 'null'
  and coalesce(shown_bets.stream, newest.source) = any (%(streams)s)
