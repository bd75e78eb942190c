-- Grain    one row per setting, thrown away
-- Reads    pg_settings
-- Writes   this session's settings, so that none that a role or a database carries can change what is compared or end
--          the session, and the lock with it, while rows are being copied; and the longest wait for a table that
--          another session keeps locked
-- Params   lock_timeout: that wait, with its unit
select set_config(wanted.name, wanted.value, false)
from (
    values
        ('TimeZone', 'UTC'),
        ('extra_float_digits', '1'),
        ('statement_timeout', '0'),
        ('lock_timeout', %(lock_timeout)s),
        ('idle_in_transaction_session_timeout', '0'),
        ('idle_session_timeout', '0'),
        -- since PostgreSQL 17
        ('transaction_timeout', '0')
) as wanted (name, value)
where exists (select from pg_settings as known where known.name = wanted.name);
