-- Grain    one row per retried version past `after` that is sound, oldest first
-- Reads    pg_temp.retried, quarantine.bets
-- Params   after (seq), rows: at most so many
select bets.seq, bets.payload::text as payload, bets.reasons, bets.source
from retried join quarantine.bets using (seq)
where retried.reasons is null and bets.seq > %(after)s
order by bets.seq
limit %(rows)s
