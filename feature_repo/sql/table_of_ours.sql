-- Grain    one row when there is such a relation: whether rows must not be put there by hand, since runs write the schema, or
--          because it is no table of its own (a view may lead anywhere)
-- Reads    pg_class, pg_namespace
-- Params   table: as a query names it
select
    schemas.nspname in ('raw', 'processed', 'quarantine', 'features', 'ops') or relation.relkind not in ('r', 'p')
from pg_class as relation
join pg_namespace as schemas on schemas.oid = relation.relnamespace
where relation.oid = to_regclass(%(table)s)
