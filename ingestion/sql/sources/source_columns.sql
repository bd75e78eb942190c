-- Grain    one row per column of a table or view that bets are read from, in its order; none where there is no such table
-- Reads    the catalogue
-- Params   schema, table
with recursive base (attnum, type) as (
    select attribute.attnum, attribute.atttypid
    from pg_attribute as attribute
    where attribute.attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
      and attribute.attnum > 0
      and not attribute.attisdropped
    union all
    -- a domain is what it is made of
    select base.attnum, domain.typbasetype
    from base
    join pg_type as domain on domain.oid = base.type and domain.typtype = 'd'
)

select
    attribute.attname as name,
    format_type(attribute.atttypid, attribute.atttypmod) as type,
    type.typname as base,
    -- as the catalogue sorts types: S text, E enum, A array, C composite ...
    type.typcategory::text as category,
    has_column_privilege(attribute.attrelid, attribute.attnum, 'select') as is_readable
from base
join pg_type as type on type.oid = base.type and type.typtype <> 'd'
join pg_attribute as attribute
    on attribute.attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
   and attribute.attnum = base.attnum
order by attribute.attnum
