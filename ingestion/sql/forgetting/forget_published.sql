-- Grain    one row per version of these bets that counts in published features, or did; the log's columns (replay.LOG_SCHEMA)
-- Reads    processed.bet_versions, pg_temp.forgetting
-- Params   log_position
select *
from processed.bet_versions
where id in (select id from forgetting) and not is_superseded and seq <= %(log_position)s
