-- Grain    one row: the event
-- Writes   ops.lineage_events
-- Params   run_id (null: of no run of ours), job, job_run_id, event_type, event_time, event
insert into ops.lineage_events (run_id, job, job_run_id, event_type, event_time, event)
values (%(run_id)s, %(job)s, %(job_run_id)s, %(event_type)s, %(event_time)s, %(event)s)
