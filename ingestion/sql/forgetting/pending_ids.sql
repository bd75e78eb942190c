-- Grain    one row per bet that an erasure has still to take out of a place
-- Reads    ops.forget_pending
select bet_id, receipt_id from ops.forget_pending order by receipt_id, bet_id
