-- Grain    one row per place of an erasure
-- Reads    ops.forget_receipts, ops.forget_places
-- Params   receipt_id
select place, searched, removed, remaining, note
from ops.forget_places
where receipt_id = %(receipt_id)s
order by position
