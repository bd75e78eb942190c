-- Grain    one row per new version that was accepted
-- Reads    pg_temp.incoming, pg_temp.new_versions
-- Writes   processed.bet_versions
-- Params   run_id
insert into processed.bet_versions (
    seq, run_id, id, bet_type, status,
    odds, american_odds, amount_cents, profit_cents, roi, clv_percentage, clv_ev, clv_current_odds,
    sport, league, market, institution_name, is_live, is_settled, is_win,
    created_at, updated_at, time_placed, settled_at,
    known_at, previous_seq, is_deleted, is_superseded, is_current
)
select
    new_versions.seq, %(run_id)s, incoming.id, bet_type, status,
    odds, american_odds, amount_cents, profit_cents, roi, clv_percentage, clv_ev, clv_current_odds,
    sport, league, market, institution_name, is_live, is_settled, is_win,
    created_at, incoming.updated_at, time_placed, settled_at,
    new_versions.known_at, new_versions.previous_seq, incoming.is_deleted, new_versions.is_superseded, new_versions.is_current
from new_versions join incoming using (arrival)
where new_versions.accepted
order by new_versions.seq
