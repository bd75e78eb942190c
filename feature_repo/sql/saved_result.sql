-- Grain    one row when there is such a table: whether it was made to save a result in
-- Reads    pg_class, pg_description
-- Params   table: as a query names it; comment: what such tables are marked with
select coalesce(obj_description(relation.oid, 'pg_class') = %(comment)s, false)
from pg_class as relation
where relation.oid = to_regclass(%(table)s)
