-- Grain    one row per place that an erasure could not finish
-- Reads    ops.forget_places, ops.forget_receipts
select receipt_id, position, place
from ops.forget_places
where remaining is null
order by receipt_id, position
