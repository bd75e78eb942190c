-- What the runs that judged these versions were told by their source, and what they read.
select run.run_id, run.source, run.now, step.counts -> 'source_rows' as source_rows, step.counts -> 'rows_read' as rows_read
from ops.gates as gate
join ops.runs as run using (run_id)
join ops.run_steps as step using (run_id)
where gate.since_seq = {since} and gate.until_seq = {until} and step.counts ? 'source_rows'
order by run.run_id
