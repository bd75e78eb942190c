-- Grain    one row per retried version that is still refused, and for other reasons than before
-- Reads    pg_temp.retried
-- Writes   quarantine.bets.reasons
update quarantine.bets
set reasons = retried.reasons
from retried
where bets.seq = retried.seq
  and retried.reasons is not null
  and bets.reasons <> retried.reasons
