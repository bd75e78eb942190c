-- Grain    one row per version that is a user's, or may be: its number, the id of its bet, which may be null, and where only the
--          payload can tell, that
-- Reads    raw.bet_versions, once
-- Params   user_digest, name: of the user; rows that came before USER_COLUMN was set hold the name as it is
select seq, id, case when user_digest is null then payload::text end as payload
from raw.bet_versions
where user_digest = %(user_digest)s or (user_digest is null and strpos(payload::text, %(name)s) > 0)
