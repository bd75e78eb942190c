-- Grain    one row: how many versions of the bets of a group there are
-- Reads    versions, once
-- Format   versions: group_versions.sql
select count(*)
from ({versions}) as version
