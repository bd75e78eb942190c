-- Grain    one row: the id that the log will have for a bet that is to be forgotten
-- Writes   pg_temp.forgetting
-- Params   bet, surrogate
update forgetting set surrogate = %(surrogate)s where id = %(bet)s
