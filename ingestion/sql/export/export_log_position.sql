-- Grain    one row: the newest version of the log and the run that wrote it; none while the log is empty
-- Reads    processed.bet_versions
-- Params   seq: the version with this one instead (null: the newest)
select seq, run_id::text from processed.bet_versions
where %(seq)s::bigint is null or seq = %(seq)s
order by seq desc limit 1
