-- Grain    one row, thrown away
-- Reads    nothing
-- Writes   this session's settings, so that none that a role or a database carries can change what we read or when
--          we are cut off: times in UTC, floats with every digit, no time limit on a first load
-- Params   none
select
    set_config('TimeZone', 'UTC', false),
    set_config('DateStyle', 'ISO', false),
    set_config('extra_float_digits', '1', false),
    set_config('statement_timeout', '0', false),
    set_config('idle_in_transaction_session_timeout', '0', false);
