-- Grain    one row per row and kind of anomaly that this run saw
-- Writes   pg_temp.found_anomalies, gone with the transaction
create temporary table found_anomalies (like ops.anomalies) on commit drop;
alter table found_anomalies alter run_id drop not null
