-- Grain    one row per reason for which rows of this run were refused
-- Reads    pg_temp.incoming, pg_temp.new_versions
select reason, count(*) as rows
from new_versions
join incoming using (arrival)
cross join lateral unnest(incoming.reasons) as reason
where not new_versions.accepted
group by reason
order by rows desc, reason
