-- Grain    one row per selected version past `after`, oldest first, as many as have `size` bytes of payloads together, at least one
-- Reads    pg_temp.selected, pg_temp.retried, quarantine.bets
-- Params   after (seq), rows: at most so many, size, sound_only: those alone that were retried and found sound
select seq, payload, reasons, source
from (
    select
        bets.seq, bets.payload::text as payload, bets.reasons, bets.source,
        sum(octet_length(bets.payload::text)) over (order by bets.seq) as size_up_to_here
    from selected join quarantine.bets using (seq)
    where bets.seq > %(after)s
      and (not %(sound_only)s or exists (select from retried where retried.seq = bets.seq and retried.reasons is null))
    order by bets.seq
    limit %(rows)s
) as page
where size_up_to_here - octet_length(payload) <= %(size)s
order by seq
