-- Grain    one row per change row that the replay has too, of a run that no gate let through: it is this run's from now on
-- Reads    ops.gates
-- Writes   stored
-- Params   run_id
update {stored}
set run_id = %(run_id)s
where not exists (select from ops.gates where gates.run_id = {stored}.run_id and gates.state <> 'refused')
