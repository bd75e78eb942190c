-- Grain    one row per metric and set of labels: name, labels, value
-- Reads    ops.run_steps. What was read without a commit after it was undone
with synced as (
    select run_id, counts
    from ops.run_steps as sync
    where step = 'sync' and counts ? 'rows_read'
      and exists (select from ops.run_steps as after where after.run_id = sync.run_id and after.step = 'commit')
),

counted as (
    select run_id, outcome, (counts ->> column_name)::float8 as rows
    from synced
    cross join (
        values ('read', 'rows_read'), ('accepted', 'accepted'), ('quarantined', 'quarantined'), ('late', 'late'),
               ('seen_before', 'seen_before')
    ) as counter (outcome, column_name)
),

newest_rows as (
    select (counts ->> 'accepted')::float8 as accepted, (counts ->> 'quarantined')::float8 as quarantined
    from synced
    where (counts ->> 'accepted')::bigint + (counts ->> 'quarantined')::bigint > 0
    order by run_id desc
    limit 1
)

select 'pikkit_rows_total' as name, jsonb_build_object('outcome', outcome) as labels, sum(rows) as value
from counted
group by outcome
union all
select 'pikkit_last_sync_rows', jsonb_build_object('outcome', outcome), rows
from counted
where run_id = (select run_id from synced order by run_id desc limit 1)
union all
select 'pikkit_validation_pass_ratio', '{}', accepted / (accepted + quarantined)
from newest_rows
