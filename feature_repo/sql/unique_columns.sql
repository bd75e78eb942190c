-- Grain    one row per unique index: its columns
-- Reads    pg_index, pg_attribute
-- Params   table: as a query spells it
-- Only indexes of plain columns over all rows, checked at once: those that `on conflict` takes.
select array_agg(attribute.attname::text order by attribute.attname)
from pg_index as index
join pg_attribute as attribute on attribute.attrelid = index.indrelid and attribute.attnum = any(index.indkey)
where
    index.indrelid = %(table)s::regclass
    and index.indisunique and index.indisvalid and index.indimmediate
    and index.indpred is null and index.indexprs is null
group by index.indexrelid
order by count(*)
