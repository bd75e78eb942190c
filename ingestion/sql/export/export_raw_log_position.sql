-- Grain    one row: the newest raw version and the run that wrote it; none while there is none
-- Reads    raw.bet_versions
-- Params   seq: the version with this one instead (null: the newest)
select seq, batch_id::text from raw.bet_versions
where %(seq)s::bigint is null or seq = %(seq)s
order by seq desc limit 1
