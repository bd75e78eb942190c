-- Grain    one or two rows: the first run of this store, and the last that was published and wrote history anew
-- Reads    ops.runs, ops.gates
(select run_id from ops.runs order by run_id limit 1)
union all
(
    select run_id
    from ops.gates
    join ops.runs using (run_id)
    where runs.verb = 'backfill' and gates.state in ('passed', 'overridden')
    order by run_id desc
    limit 1
)
