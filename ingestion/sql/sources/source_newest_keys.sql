-- Grain    one row per id, of a table in which ids may repeat: the row that counts, as in shown_table
-- Reads    the rows of source_keys
select distinct on (id) id, stamp, digest
from ({keys}) as keys
order by id, stamp desc nulls last, digest desc
