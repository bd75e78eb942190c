-- Grain    one row per test and segment of the newest judgement that has a score, the highest first
-- Reads    ops.shifts
select test, segment_column, segment, rows, reference_rows, value, expected, score, description
from ops.shifts
where score is not null
order by score desc, test, segment
