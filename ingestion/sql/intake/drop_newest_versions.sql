-- Writes   drops the temporary table of the comparison before the rest of the transaction, which does not need it
drop table pg_temp.newest_versions
