-- Grain    one row per bet of an erasure that is finished everywhere: its id is kept no longer
-- Writes   ops.forget_pending
delete from ops.forget_pending as pending
where not exists (
    select from ops.forget_places as places where places.receipt_id = pending.receipt_id and places.remaining is null
)
