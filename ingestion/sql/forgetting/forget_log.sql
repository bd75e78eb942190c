-- Grain    one row per version of these bets in the log: those that history rests on lose all that it does not rest on
-- Reads    pg_temp.forgetting
-- Writes   processed.bet_versions
-- Params   kept: the versions that stay; vanished: the versions among them by which their bets were deleted already
with gone as (
    delete from processed.bet_versions
    where id in (select id from forgetting) and seq <> all (%(kept)s)
)

update processed.bet_versions as version
set id = forgetting.surrogate,
    is_forgotten = true,
    is_current = version.seq = any (%(vanished)s),
    previous_seq = case when version.previous_seq = any (%(kept)s) then version.previous_seq end,
    bet_type = null, odds = null, roi = null, clv_ev = null, clv_current_odds = null, is_live = null, is_win = null,
    created_at = null, updated_at = null, time_placed = null, settled_at = null
from forgetting
where version.id = forgetting.id and version.seq = any (%(kept)s)
