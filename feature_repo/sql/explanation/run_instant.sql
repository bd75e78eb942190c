-- Grain    one row, or none without such a run: what its gate said, and the features watermark that it left
-- Reads    ops.runs, ops.gates, processed.bet_versions
-- Params   run_id
select
    gates.state,
    greatest(runs.now, (
        select known_at from processed.bet_versions where seq <= gates.until_seq and not is_superseded order by seq desc limit 1
    )) as instant
from ops.runs
left join ops.gates using (run_id)
where run_id = %(run_id)s
