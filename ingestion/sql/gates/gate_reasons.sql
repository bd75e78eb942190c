-- Grain    one row per reason for which rows behind a verdict were refused: how many of them, the most frequent reason first
-- Reads    what the query of the gate reads (quality/gates/sql)
-- Format   query: one that gives the reasons of each row
select reason, count(*) as rows
from ({query}) as rows cross join unnest(reasons) as reason
group by reason
order by rows desc, reason
