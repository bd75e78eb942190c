-- Grain    one row per verdict that names one of these bets as an example
-- Reads    pg_temp.forgetting
-- Writes   ops.gate_results.examples, without them
update ops.gate_results
set examples = array(
    select example from unnest(examples) with ordinality as listed (example, place)
    where example not in (select id from forgetting) order by place
)
where examples && array(select id from forgetting)
