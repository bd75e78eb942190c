-- Grain    one row per stream that has brought bets, but for `own`. Retries of refused rows are none.
-- Reads    ops.sync_state
-- Params   own
select stream from ops.sync_state
where stream <> %(own)s and stream <> 'quarantine' and total_versions > 0
order by stream
