-- Grain    one row: this erasure
-- Writes   ops.forget_receipts
-- Params   receipt_id, run_id, kind, bets, code_version, now
insert into ops.forget_receipts (receipt_id, run_id, kind, bets, code_version, forgotten_at)
values (%(receipt_id)s, %(run_id)s, %(kind)s, %(bets)s, %(code_version)s, %(now)s)
