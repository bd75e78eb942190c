-- Grain    one row: the plan, whose nodes name the schema of every relation that would be read, behind views too
-- Reads    nothing; source is planned only
explain (verbose, costs off, format json)
select * from {source} as planned
