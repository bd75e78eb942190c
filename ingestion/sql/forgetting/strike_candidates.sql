-- Grain    one row per value that may hold one of these names: where it stands, the value and its type
-- Reads    the table, once
-- Params   names (null: every value may)
-- Format   table, column
select ctid, {column}, pg_typeof({column})::text
from {table}
where {column} is not null and (
    %(names)s::text[] is null
    or exists (select from unnest(%(names)s::text[]) as name where strpos({column}::text, name) > 0)
)
