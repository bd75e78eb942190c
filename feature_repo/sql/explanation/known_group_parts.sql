-- Grain    one row per group that any version of the log belongs to: the values of its columns
-- Reads    processed.bet_versions
-- Format   columns
select distinct {columns}
from processed.bet_versions
