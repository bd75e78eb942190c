-- Grain    one row per run past one and up to another that wrote rows which hold from before an instant on
-- Reads    changelog, by its index on run_id; ops.runs
-- Params   after, until (runs), instant
-- Format   changelog
select run_id, runs.verb, count(*) as rows
from {changelog}
left join ops.runs using (run_id)
where run_id > %(after)s and run_id <= %(until)s and event_timestamp <= %(instant)s
group by run_id, runs.verb
order by run_id
