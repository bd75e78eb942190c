-- Grain    one row per change row that the replay has too, of a run that no gate let through or whose lineage is not on record: it is
--          this run's from now on
-- Reads    ops.gates, ops.lineage_events
-- Writes   stored
-- Params   run_id, view
update {stored}
set run_id = %(run_id)s
where run_id not in (
    select run_id from ops.gates where state <> 'refused'
    intersect
    select run_id from ops.lineage_events where job = 'features.' || %(view)s and event_type = 'COMPLETE'
    intersect
    select run_id from ops.lineage_events where job_run_id = run_id and event_type = 'START'
)
