-- Grain    one row per bet, and when its source says that it was created
-- Reads    processed.bet_versions up to a log position
-- Params   log_position
select distinct on (id) id, created_at
from processed.bet_versions
where seq <= %(log_position)s and not is_superseded
order by id, seq
