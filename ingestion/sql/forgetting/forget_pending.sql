-- Grain    one row per bet that is still to be taken out of Redis and of files
-- Writes   ops.forget_pending
-- Params   ids, receipt_id
insert into ops.forget_pending (bet_id, receipt_id)
select bet_id, %(receipt_id)s from unnest(%(ids)s::text[]) as bet_id
