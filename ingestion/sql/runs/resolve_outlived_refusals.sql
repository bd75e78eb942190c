-- Grain    one row per open alert on a refused refresh of which every failed check passed in a later judgement
-- Reads    ops.gate_results
-- Writes   ops.alerts
-- Params   causes: how the causes of such alerts begin; run_id of the judgement; now
update ops.alerts
set resolved_at = %(now)s
where
    starts_with(cause, %(causes)s) and resolved_at is null
    and exists (
        select from ops.gate_results as failed
        where failed.run_id = alerts.run_id and failed.state = 'failed'
    )
    and not exists (
        select from ops.gate_results as failed
        where
            failed.run_id = alerts.run_id and failed.state = 'failed'
            and not exists (
                select from ops.gate_results as later
                where
                    later.run_id = %(run_id)s and later.state in ('passed', 'warned')
                    and later.gate = failed.gate and later.scope = failed.scope
            )
    )
