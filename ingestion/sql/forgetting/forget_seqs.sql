-- Grain    one row per version of the bets that are to be forgotten, and per row of the user's that has no id
-- Reads    raw.bet_versions, processed.bet_versions, quarantine.bets, pg_temp.forgetting
-- Writes   pg_temp.forgetting_seqs
-- Params   user_digest (null where no user is forgotten), user_seqs: rows that were found to be the user's otherwise
insert into forgetting_seqs (seq)
select seq from raw.bet_versions where id in (select id from forgetting)
union
select seq from raw.bet_versions where user_digest = %(user_digest)s or seq = any (%(user_seqs)s)
union
select seq from processed.bet_versions where id in (select id from forgetting)
union
select seq from quarantine.bets where id in (select id from forgetting)
