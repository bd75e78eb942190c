-- The bets that became known last.
select seq, id, known_at, updated_at, time_placed, status
from processed.bet_versions
where seq <= {until}
order by seq desc
limit 20
