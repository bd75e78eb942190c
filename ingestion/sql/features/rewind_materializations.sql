-- Grain    one row per view that was copied online
-- Reads    features.reach
-- Writes   ops.materializations: no copy is of a later refresh than there is
update ops.materializations
set refreshed_at = least(materializations.refreshed_at, reach.refreshed_at)
from features.reach
