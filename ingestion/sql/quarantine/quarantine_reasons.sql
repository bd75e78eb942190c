-- Grain    one row per reason of the selected versions: how many have it
-- Reads    pg_temp.selected, quarantine.bets
select reason, count(*) as rows
from selected
join quarantine.bets using (seq)
cross join lateral unnest(bets.reasons) as reason
group by reason
order by rows desc, reason
