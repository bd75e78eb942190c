-- Grain    one row per reason of refused rows, those of the most open rows first
-- Reads    quarantine.bets
select reason, count(*) filter (where state = 'open') as open_rows, count(*) as rows
from quarantine.bets
cross join lateral unnest(reasons) as reason
group by reason
order by open_rows desc, rows desc, reason
