-- Grain    one row per version that says how a bet ended, and the instant from which that can have been known
-- Reads    processed.bet_versions up to a log position
-- Params   log_position
select seq, greatest(known_at, settled_at)
from processed.bet_versions
where seq <= %(log_position)s and not is_superseded and not is_deleted and (status <> 'PENDING' or clv_percentage is not null)
