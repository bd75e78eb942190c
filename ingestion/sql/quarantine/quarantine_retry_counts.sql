-- Grain    one row per reason for which retried versions are still refused, and one row (reason null) for the number of them
-- Reads    pg_temp.retried
select reason, count(*) as rows
from retried cross join lateral (select null as reason union all select unnest(retried.reasons)) as reasons
where retried.reasons is not null
group by reason
order by rows desc, reason
