-- Grain    one row per bet that is to be forgotten, with the id that the log has for it then; one per version of it, sound or not
-- Writes   pg_temp.forgetting, pg_temp.forgetting_seqs, gone with the transaction
create temporary table forgetting (id text primary key, surrogate text) on commit drop;
create temporary table forgetting_seqs (seq bigint primary key) on commit drop
