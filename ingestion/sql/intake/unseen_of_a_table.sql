-- Grain    one row per row that differs from what the table held of its bet before. A table says what is: what it shows again after
--          something else is new, and "before" is the bet's newest raw version. A row without an id is known by its content alone.
-- Reads    pg_temp.shown, raw.bet_versions
-- Writes   pg_temp.unseen, gone with the transaction. returns: the store has seen the same content before.
create temporary table unseen on commit drop as
select
    arrival, shown.id, updated_at, settled_at, time_placed, accepted,
    exists (select from raw.bet_versions where raw.bet_versions.content_hash = shown.content_hash) as returns,
    newest_seq
from shown
where content_hash is distinct from newest_hash
  and not (shown.id is null and exists (
      select from raw.bet_versions where raw.bet_versions.content_hash = shown.content_hash
  ))
