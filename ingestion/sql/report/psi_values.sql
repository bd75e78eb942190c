-- Grain    one row per feature: its PSI at the last judgements, the oldest first; null where nothing was compared
-- Reads    ops.gates, ops.drift
-- Params   judgements: how many of the last ones
with judged as (
    select run_id from ops.gates order by run_id desc limit %(judgements)s
)

select view, feature, array_agg(psi order by run_id)
from ops.drift
join judged using (run_id)
group by view, feature
