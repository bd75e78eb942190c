-- Grain    one row per bet of which a newer version came
-- Reads    pg_temp.new_versions
-- Writes   processed.bet_versions.is_current
update processed.bet_versions
set is_current = false
from new_versions
where new_versions.is_current
  and bet_versions.id = new_versions.id
  and bet_versions.is_current
