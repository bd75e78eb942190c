-- Grain    one row per run whose rows of the view may not be served: why is told by what is null or differs. Of a run that left
--          none of the rows that it is known by, rows is 0.
-- As of    now: the digest is taken of the rows as they stand
-- Reads    ops.gates, ops.seals, ops.lineage_events, features.<view>_changes, once
-- Params   view; runs: those to look at; all where it is null
with written as (select * from features.digests(%(view)s, %(runs)s::uuid[])),

sealed as (
    select run_id, rows, checksum
    from ops.seals
    where view = %(view)s and rows > 0 and (%(runs)s::uuid[] is null or run_id = any(%(runs)s::uuid[]))
),

-- The lineage record: that the run began, and what it wrote the view from.
on_record as (
    select run_id
    from ops.lineage_events as wrote
    where
        job = 'features.' || %(view)s and event_type = 'COMPLETE' and (%(runs)s::uuid[] is null or run_id = any(%(runs)s::uuid[]))
        and exists (
            select from ops.lineage_events as began
            where began.run_id = wrote.run_id and began.job_run_id = began.run_id and began.event_type = 'START'
        )
    group by run_id
)

select
    run_id, gates.state, on_record.run_id is not null as has_lineage, sealed.rows as sealed_rows,
    coalesce(written.rows, 0) as rows
from written
full join sealed using (run_id)
left join ops.gates using (run_id)
left join on_record using (run_id)
where
    gates.state is null
    or gates.state not in ('passed', 'overridden')
    or on_record.run_id is null
    or (sealed.rows, sealed.checksum) is distinct from (written.rows, written.checksum)
order by run_id
