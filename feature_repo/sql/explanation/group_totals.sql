-- Grain    one row: sums over the bets of a group that count, and how many of them add to any sum
-- Reads    versions, once
-- Format   versions: group_versions.sql; sums: those that are asked for, as the rest costs most of the time
select {sums}, count(*) filter (where 1 in (graded, at_risk, bet_rois, priced, clvs)) as adding
from ({versions}) as version
where is_counted
