-- Grain    all rows: what the judgement before this one left for the report
-- Writes   ops.distributions, ops.shifts
with distributions as (
    delete from ops.distributions
)

delete from ops.shifts
