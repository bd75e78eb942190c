-- Grain    one row per UTC day of a stamp (null: bets without one): how many bets, and the sum of their digests
--          (ingestion/sources/table.py)
-- Reads    a query or a table of ids, stamps and digests: those of the source, or ours
select
    (keyed.stamp at time zone 'UTC')::date as day,
    count(*) as rows,
    sum(keyed.digest)::text as digest
from {keyed} as keyed
group by 1
