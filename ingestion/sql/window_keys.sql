-- Grain    one row: how many keys changed in the window
-- Reads    {changes}
-- Params   since (null: ever), until
select count(distinct {key})
from {changes}
where (%(since)s::timestamptz is null or event_timestamp >= %(since)s) and event_timestamp <= %(until)s
