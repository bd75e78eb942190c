-- Grain    one row per bet, and per user, that was forgotten
-- Reads    ops.forgotten
select digest, kind from ops.forgotten
