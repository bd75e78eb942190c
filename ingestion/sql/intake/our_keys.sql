-- Grain    one row per bet of pg_temp.newest_versions whose stamp lies on one of these UTC days. digest: that of the columns
--          which the table has now, in their order, null where it did not send one; sent_as: the id before it was trimmed.
-- Reads    pg_temp.newest_versions, raw.bet_versions, raw.shown_bets
-- Params   days, and whether those without a stamp too (undated)
select newest_versions.id, stamp, {digest} as digest, known.id #>> '{{}}' as sent_as
from newest_versions
join raw.bet_versions using (seq)
left join raw.shown_bets on shown_bets.id = newest_versions.id
cross join lateral (select coalesce(shown_bets.payload, bet_versions.payload) as payload) as spelled
-- An escape may stand for what text cannot hold (NUL, half of a surrogate pair). Postgres itself writes hardly any.
cross join lateral (
    select json_typeof(spelled.payload) = 'object' and strpos(spelled.payload::text, '\u') = 0 as is_readable
) as spelling
cross join lateral json_to_record(case when is_readable then spelled.payload end) as known ({columns})
where (stamp at time zone 'UTC')::date = any (%(days)s::date[]) or (%(undated)s and stamp is null)
