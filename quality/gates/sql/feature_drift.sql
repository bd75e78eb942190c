-- The features that moved, by run that judged these versions.
select drift.*
from ops.drift as drift
join ops.gates as gate using (run_id)
where gate.since_seq = {since} and gate.until_seq = {until} and drift.has_drifted
order by drift.run_id, drift.view, drift.feature
