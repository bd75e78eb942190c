-- Grain    one row: the wins and losses among the newest graded bets of a group that count
-- Reads    versions, once
-- Params   size: how many bets
-- Format   versions: group_versions.sql
select count(*) as bets, coalesce(sum(wins), 0) as wins, coalesce(sum(losses), 0) as losses
from (
    select wins, losses
    from ({versions}) as version
    where is_counted and adds_to_graded
    order by known_at desc, id collate "C" desc
    limit %(size)s
) as newest
