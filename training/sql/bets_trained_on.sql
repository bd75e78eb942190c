-- Grain    one row: how many of these bets a training set had (as settled_bets.sql)
-- Reads    processed.bet_versions
-- Params   bets, log_position, placed_from, placed_to (exclusive); the last two may be null
select count(distinct id)
from processed.bet_versions
where
    id = any (%(bets)s) and seq <= %(log_position)s and is_settled and not is_superseded and not is_deleted
    and (%(placed_from)s::timestamptz is null or time_placed >= %(placed_from)s)
    and (%(placed_to)s::timestamptz is null or time_placed < %(placed_to)s)
