-- Grain    one row: what an erasure found and took away in one place
-- Writes   ops.forget_places; what was found before and is finished now keeps its position
-- Params   receipt_id, position, place, searched, removed, remaining, note
insert into ops.forget_places (receipt_id, position, place, searched, removed, remaining, note)
values (%(receipt_id)s, %(position)s, %(place)s, %(searched)s, %(removed)s, %(remaining)s, %(note)s)
on conflict (receipt_id, position) do update
set searched = excluded.searched, removed = excluded.removed, remaining = excluded.remaining, note = excluded.note
