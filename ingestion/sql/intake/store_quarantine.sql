-- Grain    one row per new version that was refused
-- Reads    pg_temp.incoming, pg_temp.new_versions
-- Writes   quarantine.bets
-- Params   run_id, source, received_at
insert into quarantine.bets (seq, run_id, id, reasons, payload, source, received_at)
select new_versions.seq, %(run_id)s, incoming.id, incoming.reasons, incoming.payload::json, %(source)s, %(received_at)s
from new_versions join incoming using (arrival)
where not new_versions.accepted
order by new_versions.seq
