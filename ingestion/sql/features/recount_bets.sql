-- Grain    one row per sport and book: the current bets up to the features' log position, counted anew
-- Reads    processed.bet_versions, features.watermark
-- Writes   features.bet_counts, emptied before
insert into features.bet_counts (sport, institution_name, bets, settled, without_market, without_price)
select
    sport, institution_name, count(*), count(*) filter (where is_settled),
    count(*) filter (where market is null), count(*) filter (where american_odds is null)
from (
    select distinct on (id) *
    from processed.bet_versions
    where seq <= (select log_position from features.watermark) and not is_superseded
    order by id, seq desc
) as newest
where not is_deleted
group by sport, institution_name
