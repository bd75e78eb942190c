-- Grain    one row per applied migration
-- Reads    nothing
-- Writes   ops.migrations (the table); a schema or table that exists already stays as it is
-- Params   none
create schema if not exists ops;

create table if not exists ops.migrations (
    name text primary key,
    digest text not null,
    applied_at timestamptz not null default now()
);

comment on table ops.migrations is 'Files of ingestion/sql/migrations that this store has applied, with their SHA-256.';
