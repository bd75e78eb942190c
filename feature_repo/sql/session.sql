-- Grain    one row per setting, thrown away
-- Reads    which settings the server has; by pg_settings, a list of all of them, it would take ten times as long
-- Writes   this session's settings, so that none that a role or a database carries can change what is compared or end
--          the session, and a lock with it, while rows are being copied: times in UTC, floats with every digit, no time
--          limit; and the longest wait for a table that another session keeps locked
-- Params   lock_timeout: that wait, with its unit
--          transaction_only: whether they end with the transaction
select set_config(wanted.name, wanted.value, %(transaction_only)s)
from (
    values
        ('TimeZone', 'UTC'),
        ('DateStyle', 'ISO'),
        ('extra_float_digits', '1'),
        ('statement_timeout', '0'),
        ('lock_timeout', %(lock_timeout)s),
        ('idle_in_transaction_session_timeout', '0'),
        ('idle_session_timeout', '0'),
        -- since PostgreSQL 17
        ('transaction_timeout', '0')
) as wanted (name, value)
where current_setting(wanted.name, true) is not null;
