-- Grain    one row per key that differs, the one that changed last first
-- Reads    rows, once
-- Params   limit: null for all
-- Format   rows: rows_between.sql
select *
from ({rows}) as row
order by after_at desc, key collate "C"
limit %(limit)s
