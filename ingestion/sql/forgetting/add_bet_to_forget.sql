-- Grain    one row per bet that is to be forgotten
-- Writes   pg_temp.forgetting
-- Params   bet
insert into forgetting (id) values (%(bet)s)
