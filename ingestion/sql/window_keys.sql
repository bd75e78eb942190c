-- Grain    one row: how many keys have a row in the window
-- Reads    {view}
-- Params   since, until
select count(distinct {key}) from {view} where event_timestamp between %(since)s and %(until)s
