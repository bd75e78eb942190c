-- Grain    one row per selected version, the newest first
-- Reads    pg_temp.selected, quarantine.bets
-- Params   limit (null: none)
select
    bets.seq, bets.id, bets.received_at, bets.source, bets.run_id, bets.state, bets.reasons, bets.payload::text as payload,
    bets.settled_by, bets.settled_at, bets.note
from selected join quarantine.bets using (seq)
order by bets.seq desc
limit %(limit)s::bigint
