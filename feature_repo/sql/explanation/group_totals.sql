-- Grain    one row: the sums over the bets of a group that count, how many these are, and how many of them add to any sum
-- Reads    versions, once
-- Format   versions: group_versions.sql
select
    count(*) as bets, sum(graded) as graded, sum(wins) as wins, sum(losses) as losses, sum(at_risk) as at_risk,
    sum(stake_cents) as stake_cents, sum(profit_at_risk_cents) as profit_at_risk_cents, sum(bet_rois) as bet_rois,
    sum(bet_roi) as bet_roi, sum(priced) as priced, sum(priced_wins) as priced_wins, sum(implied_prob) as implied_prob,
    sum(clvs) as clvs, sum(clv) as clv,
    count(*) filter (where 1 in (graded, at_risk, bet_rois, priced, clvs)) as adding
from ({versions}) as version
where state = 'counts'
