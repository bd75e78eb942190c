-- The new rows in quarantine that nobody dealt with yet.
select seq, id, reasons, payload
from quarantine.bets
where seq > {since} and seq <= {until} and state = 'open'
order by seq
