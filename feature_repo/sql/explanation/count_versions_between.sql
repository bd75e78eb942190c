-- Grain    one row: how many counted versions became known between two instants
-- Reads    processed.bet_versions, features.watermark
-- Params   since, until
select count(*)
from processed.bet_versions
where
    known_at > %(since)s and known_at <= %(until)s and not is_superseded
    and seq <= (select log_position from features.watermark)
