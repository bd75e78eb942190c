-- Grain    one row per bet that was settled: what became known of it after it was placed, as numbers
-- Reads    processed.bet_versions up to a log position
-- Params   log_position
with last as (
    select distinct on (id) *
    from processed.bet_versions
    where seq <= %(log_position)s and not is_superseded
    order by id, seq desc
)
select
    id, is_win::integer::float8, profit_cents / 100.0::float8,
    case when amount_cents > 0 then 100 * profit_cents / amount_cents::float8 end,
    clv_percentage,
    clv_percentage * case
        when american_odds < 0 then -american_odds / (100.0::float8 - american_odds)
        else 100 / (100.0::float8 + american_odds)
    end,
    clv_current_odds, extract(epoch from settled_at)::float8
from last
where is_settled and not is_deleted
