-- Grain    one row per schema that the store needs: whether it is there, and what our role may do with all that is in it
-- Reads    the catalogue
-- Params   schemas
select
    wanted.schema,
    namespace.oid is not null as exists,
    coalesce(has_schema_privilege(namespace.oid, 'usage'), false) and not exists (
        select
        from pg_class as relation
        where relation.relnamespace = namespace.oid
          and relation.relkind = 'r'
          and not (
              has_table_privilege(relation.oid, 'select')
              and has_table_privilege(relation.oid, 'insert')
              and has_table_privilege(relation.oid, 'update')
              and has_table_privilege(relation.oid, 'delete')
          )
    ) as is_writable,
    coalesce(pg_has_role(namespace.nspowner, 'usage'), false) and not exists (
        select
        from pg_class as relation
        where relation.relnamespace = namespace.oid
          and relation.relkind in ('r', 'v')
          and not pg_has_role(relation.relowner, 'usage')
    ) as is_owned
from unnest(%(schemas)s::text[]) with ordinality as wanted (schema, position)
left join pg_namespace as namespace on namespace.nspname = wanted.schema
order by wanted.position
