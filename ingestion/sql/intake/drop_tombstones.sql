-- Writes   drops the temporary table of the tombstones that were stored, so that the transaction can store others
drop table pg_temp.tombstones
