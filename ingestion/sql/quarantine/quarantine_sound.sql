-- Grain    one row per retried version past `after` that is sound, oldest first, as many as have `size` bytes of payloads together,
--          at least one
-- Reads    pg_temp.retried, quarantine.bets
-- Params   after (seq), rows: at most so many, size
select seq, payload, reasons, source
from (
    select
        bets.seq, bets.payload::text as payload, bets.reasons, bets.source,
        sum(octet_length(bets.payload::text)) over (order by bets.seq) as size_up_to_here
    from retried join quarantine.bets using (seq)
    where retried.reasons is null and bets.seq > %(after)s
    order by bets.seq
    limit %(rows)s
) as kept
where size_up_to_here - octet_length(payload) <= %(size)s
order by seq
