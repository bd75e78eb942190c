-- Grain    one row per schema of the store: bytes of its tables with their indexes
-- Reads    the catalogue
-- Params   schemas
select wanted.schema, coalesce(sum(pg_total_relation_size(relation.oid)), 0)::bigint
from unnest(%(schemas)s::text[]) with ordinality as wanted (schema, position)
join pg_namespace as namespace on namespace.nspname = wanted.schema
left join pg_class as relation on relation.relnamespace = namespace.oid and relation.relkind in ('r', 'm')
group by wanted.schema, wanted.position
order by wanted.position
