-- Grain    one row per row behind a verdict, in the order of its query, at most so many
-- Reads    what the query of the gate reads (quality/gates/sql)
-- Format   query, limit: a number
select * from ({query}) as rows limit {limit}
