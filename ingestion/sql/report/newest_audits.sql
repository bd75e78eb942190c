-- Grain    one row per service: the newest audit of its training set, and how far the features have come by now
-- Reads    ops.audits, features.watermark
select distinct on (service)
    service, audited_at, audits.log_position, coalesce((select watermark.log_position from features.watermark), 0) as log_position_now,
    is_clean, sentence, checks
from ops.audits
order by service, audit_id desc
