-- Writes   drops the run's temporary tables before the rest of the transaction, which does not need them
drop table pg_temp.incoming, pg_temp.unseen, pg_temp.new_versions;
drop table if exists pg_temp.shown
