-- Grain    one row per bet that is deleted and had a sound version: what it was, marked as deleted
-- Reads    pg_temp.tombstones, processed.bet_versions
-- Writes   processed.bet_versions, after record_tombstones has retired what was current
-- Params   run_id
insert into processed.bet_versions (
    seq, run_id, id, bet_type, status,
    odds, american_odds, amount_cents, profit_cents, roi, clv_percentage, clv_ev, clv_current_odds,
    sport, league, market, institution_name, is_live, is_settled, is_win,
    created_at, updated_at, time_placed, settled_at,
    known_at, previous_seq, is_deleted
)
select
    tombstones.seq, %(run_id)s, tombstones.id, bet_type, status,
    odds, american_odds, amount_cents, profit_cents, roi, clv_percentage, clv_ev, clv_current_odds,
    sport, league, market, institution_name, is_live, is_settled, is_win,
    created_at, bet_versions.updated_at, time_placed, settled_at,
    tombstones.known_at, tombstones.current_seq, true
from tombstones
join processed.bet_versions on bet_versions.seq = tombstones.current_seq
order by tombstones.seq
