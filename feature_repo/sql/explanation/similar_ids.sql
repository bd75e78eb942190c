-- Grain    one row per bet whose id begins as the one does that is asked for; at most a thousand
-- Reads    processed.bet_versions
-- Params   bet
select distinct id
from processed.bet_versions
where left(id, 3) = left(%(bet)s, 3) and is_current and not is_forgotten
limit 1000
