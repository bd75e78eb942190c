-- Grain    one row per metric and set of labels of one run; what the run has already stays as it was measured first
-- Writes   ops.metrics
-- Params   run_id, at, names, labels, values: parallel arrays
insert into ops.metrics (run_id, name, labels, value, at)
select %(run_id)s, name, labels, value, %(at)s
from unnest(%(names)s::text[], %(labels)s::jsonb[], %(values)s::float8[]) as measured (name, labels, value)
on conflict do nothing
