-- Grain    one row per feature of the newest judgement
-- Reads    ops.distributions
select view, feature, edges, labels, rows, reference_rows, nulls, reference_nulls
from ops.distributions
order by view, feature
