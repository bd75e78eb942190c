-- Grain    one row per column of each relation that exists
-- Reads    the catalogue
-- Params   relations: names, with their schema
select relation, attribute.attname, format_type(attribute.atttypid, attribute.atttypmod)
from unnest(%(relations)s::text[]) as relation
join pg_attribute as attribute on attribute.attrelid = to_regclass(relation)
where attribute.attnum > 0 and not attribute.attisdropped
