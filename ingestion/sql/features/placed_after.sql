-- Grain    one row: how many bets that became known after an instant say that they were placed no earlier, and one of them
-- Reads    processed.bet_versions
-- Params   now
select count(*), min(id)
from processed.bet_versions
where known_at > %(now)s and time_placed >= %(now)s and is_current and not is_deleted
