-- Grain    one row: the key of this store
-- Reads    ops.digest_key
-- Writes   ops.digest_key, where there is none yet
-- Params   key: the one that it gets then
with made as (
    insert into ops.digest_key (key) values (%(key)s) on conflict (only_row) do nothing returning key
)

select key from made
union all
select key from ops.digest_key
limit 1
