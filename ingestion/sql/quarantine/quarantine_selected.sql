-- Grain    one row per refused version that was asked for; a null parameter asks for any
-- Reads    quarantine.bets
-- Writes   pg_temp.selected, gone with the transaction
-- Params   seqs, state, reason (a part of one, in any letter case), id, source (or its kind: supabase, postgres, file), since and until (half-open, of received_at)
create temporary table selected on commit drop as
select bets.seq
from quarantine.bets
where (%(seqs)s::bigint[] is null or bets.seq = any(%(seqs)s))
  and (%(state)s::text is null or bets.state = %(state)s)
  and (%(id)s::text is null or bets.id = %(id)s)
  and (%(source)s::text is null or bets.source = %(source)s or starts_with(bets.source, %(source)s || ':'))
  and (%(since)s::timestamptz is null or bets.received_at >= %(since)s)
  and (%(until)s::timestamptz is null or bets.received_at < %(until)s)
  and (%(reason)s::text is null or exists (
      select from unnest(bets.reasons) as reason where position(lower(%(reason)s) in lower(reason)) > 0
  ))
