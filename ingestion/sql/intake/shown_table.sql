-- Grain    one row per bet that the table shows, and per content of rows without an id. Of rows that share an id the one with the
--          newest stamp counts, and of several with that stamp the one with the greatest digest (row_digest), in whatever order
--          they came.
-- Reads    pg_temp.incoming, raw.bet_versions
-- Params   ids_repeat, and shows_all_rows_of_ids: where ids repeat, a window that may not hold all rows of an id says nothing against
--          a newer one that is known; is_partial: nor against one with the same stamp
-- Writes   pg_temp.shown, gone with the transaction: beside the row the bet's newest raw version, and whether that is spelled the same
create temporary table shown on commit drop as
with repeated as (
    select id from incoming where id is not null group by id having count(*) > 1
),

ranked as (
    select
        arrival,
        row_number() over (
            partition by incoming.id order by updated_at desc nulls last, {digest} desc, arrival
        ) as place
    from incoming join repeated using (id)
    union all
    select arrival, row_number() over (partition by content_hash order by arrival)
    from incoming where id is null
)

select
    incoming.arrival, incoming.id, incoming.updated_at, incoming.settled_at, incoming.time_placed,
    incoming.reasons is null as accepted, incoming.content_hash,
    newest.seq as newest_seq, newest.content_hash as newest_hash, newest.source as newest_stream,
    incoming.payload = newest.payload::text as is_spelled_so
from incoming
left join ranked on ranked.arrival = incoming.arrival and ranked.place > 1
left join lateral (
    select seq, content_hash, source, payload, updated_at from raw.bet_versions
    where raw.bet_versions.id = incoming.id
    order by seq desc limit 1
) as newest on true
where ranked.arrival is null
  and not (
      %(ids_repeat)s and not %(shows_all_rows_of_ids)s
      and newest.seq is not null and json_typeof(newest.payload) <> 'null'
      and case
          when %(is_partial)s and incoming.updated_at is not distinct from newest.updated_at then {digest} < {newest_digest}
          else newest.updated_at > incoming.updated_at or (incoming.updated_at is null and newest.updated_at is not null)
      end
  )
