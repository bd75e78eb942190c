-- Grain    one row per group whose state moved
-- Writes   pg_temp.moved_state, gone with the transaction
create temporary table if not exists moved_state on commit drop as
select * from features.group_state with no data
