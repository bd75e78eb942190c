-- Writes   drops pg_temp.changed, before the next dataset makes its own
drop table pg_temp.changed
