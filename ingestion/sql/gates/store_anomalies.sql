-- Grain    one row per row and kind of anomaly that was not seen before
-- Reads    pg_temp.found_anomalies
-- Writes   ops.anomalies
-- Params   run_id
insert into ops.anomalies (run_id, seq, kind, id, severity, value, expected_low, expected_high, description)
select %(run_id)s, seq, kind, id, severity, value, expected_low, expected_high, description from pg_temp.found_anomalies
on conflict (seq, kind) do nothing
