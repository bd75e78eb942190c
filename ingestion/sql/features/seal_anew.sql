-- Grain    one row per run that has change rows in the view, after rows of any of them were replaced
-- Reads    features.<view>_changes
-- Writes   ops.seals. What was there of other runs goes: nothing is left of them.
-- Params   view
with sealed as (select run_id, rows, checksum from features.digests(%(view)s, null)),

gone as (
    delete from ops.seals where view = %(view)s and run_id not in (select run_id from sealed)
)

insert into ops.seals (run_id, view, rows, checksum)
select run_id, %(view)s, rows, checksum from sealed
on conflict (run_id, view) do update set rows = excluded.rows, checksum = excluded.checksum
returning checksum, rows
