-- The rows in quarantine that nobody dealt with yet: those that are new since a refresh was last judged; in less than
-- 100, those of the newest 200, but not past a refusal.
select seq, id, reasons, payload
from quarantine.bets
where seq > coalesce((
    select case when state = 'refused' or {until} - until_seq >= 100 then until_seq else {until} - 200 end
    from ops.gates where until_seq < {until} order by until_seq desc, run_id desc limit 1
), 0) and seq <= {until} and state = 'open'
order by seq
