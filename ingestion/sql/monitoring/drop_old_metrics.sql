-- Grain    one row per metric and set of labels of a run that began before that. Ids of runs sort by the time they were made
-- Writes   ops.metrics
-- Params   before: the smallest id that a run could have had then
delete from ops.metrics where run_id < %(before)s
