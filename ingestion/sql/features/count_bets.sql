-- Grain    one row per sport and book whose bets changed: each new version counts, and the one that it replaces does no longer
-- Reads    processed.bet_versions
-- Writes   features.bet_counts
-- Params   after, until: log positions (after, until]
with fresh as (
    select * from processed.bet_versions where seq > %(after)s and seq <= %(until)s and not is_superseded
),

moved as (
    select sport, institution_name, market, american_odds, is_settled, 1 as by from fresh where not is_deleted
    union all
    select replaced.sport, replaced.institution_name, replaced.market, replaced.american_odds, replaced.is_settled, -1
    from fresh join processed.bet_versions as replaced on replaced.seq = fresh.previous_seq
    where not replaced.is_deleted
)

insert into features.bet_counts as counts (sport, institution_name, bets, settled, without_market, without_price)
select
    sport,
    institution_name,
    sum(by),
    coalesce(sum(by) filter (where is_settled), 0),
    coalesce(sum(by) filter (where market is null), 0),
    coalesce(sum(by) filter (where american_odds is null), 0)
from moved
group by sport, institution_name
on conflict (sport, institution_name) do update
set bets = counts.bets + excluded.bets,
    settled = counts.settled + excluded.settled,
    without_market = counts.without_market + excluded.without_market,
    without_price = counts.without_price + excluded.without_price
