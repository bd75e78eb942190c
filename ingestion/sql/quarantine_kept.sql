-- Grain    one row per selected version past `after`, oldest first
-- Reads    pg_temp.selected, quarantine.bets
-- Params   after (seq), rows: at most so many
select bets.seq, bets.payload::text as payload, bets.reasons, bets.source
from selected join quarantine.bets using (seq)
where bets.seq > %(after)s
order by bets.seq
limit %(rows)s
