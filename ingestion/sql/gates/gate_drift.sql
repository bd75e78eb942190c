-- Grain    one row per feature that this run compared with the last accepted refresh, those that drifted first
-- Reads    ops.drift
-- Params   run_id
select view, feature, rows, reference_rows, psi, psi_noise, ks, p_value, has_drifted
from ops.drift
where run_id = %(run_id)s
order by has_drifted desc, psi desc nulls last, view, feature
