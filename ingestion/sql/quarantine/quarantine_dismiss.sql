-- Grain    one row per selected version that is open
-- Reads    pg_temp.selected
-- Writes   quarantine.bets.state
-- Params   note, now
update quarantine.bets
set state = 'dismissed', settled_at = %(now)s, note = %(note)s
from selected
where bets.seq = selected.seq
  and bets.state = 'open'
