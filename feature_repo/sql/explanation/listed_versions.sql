-- Grain    one row per version of the bets of a group, in the order of windows, the newest first
-- Reads    versions, once
-- Params   limit: null for all
-- Format   versions: group_versions.sql; is_listed: a condition on it
select *
from ({versions}) as version
where {is_listed}
order by known_at desc, id collate "C" desc, seq desc
limit %(limit)s
