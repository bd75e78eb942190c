-- Grain    one row per selected version: what the schema of today says of it. reasons is null for a sound one.
-- Writes   pg_temp.retried, empty, gone with the transaction
create temporary table retried (
    seq          bigint primary key,
    id           text,
    updated_at   timestamptz,
    content_hash bytea,
    reasons      text[]
) on commit drop
