-- Grain    one row per row that differs from what the table held of its bet before. A table says what is: what it shows again after
--          something else is new, and "before" is the row that came earlier in this batch, or the bet's newest raw version.
-- Reads    pg_temp.incoming, raw.bet_versions
-- Writes   pg_temp.unseen, gone with the transaction. returns: the store has seen the same content before.
create temporary table unseen on commit drop as
with in_order as (
    select
        arrival, id, updated_at, settled_at, time_placed, reasons is null as accepted, content_hash,
        -- A row without an id is known by its content alone.
        lag(content_hash) over (partition by id, case when id is null then content_hash end order by arrival) as earlier_hash,
        row_number() over (partition by content_hash order by arrival) > 1 as came_earlier
    from incoming
)

select
    arrival, in_order.id, updated_at, settled_at, time_placed, accepted,
    came_earlier or exists (
        select from raw.bet_versions where raw.bet_versions.content_hash = in_order.content_hash
    ) as returns,
    newest.seq as newest_seq
from in_order
left join lateral (
    select seq, content_hash from raw.bet_versions
    where raw.bet_versions.id = in_order.id
    order by seq desc limit 1
) as newest on true
where in_order.content_hash is distinct from coalesce(earlier_hash, newest.content_hash)
  and not (in_order.id is null and exists (
      select from raw.bet_versions where raw.bet_versions.content_hash = in_order.content_hash
  ))
