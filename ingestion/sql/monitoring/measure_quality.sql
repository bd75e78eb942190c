-- Grain    one row per metric and set of labels: name, labels, value
-- Reads    ops.run_steps, ops.gates, ops.gate_results, ops.drift, ops.alerts
with judged as (
    select run_id, state
    from ops.gates
    where exists (select from ops.gate_results as results where results.run_id = gates.run_id)
    order by run_id desc
    limit 1
),

batch as (
    select (counts ->> 'rows')::float8 as rows, counts -> 'kinds' as kinds
    from ops.run_steps
    where step = 'anomalies' and (counts ->> 'rows')::bigint > 0
    order by run_id desc
    limit 1
)

select 'pikkit_batch_rows' as name, '{}'::jsonb as labels, rows as value
from batch
union all
select 'pikkit_anomaly_ratio', jsonb_build_object('severity', severity), coalesce(flags.number, 0) / rows
from batch
cross join (values ('low'), ('medium'), ('high'), ('critical')) as known (severity)
cross join lateral (select sum((by_severity ->> severity)::float8) as number from jsonb_each(kinds) as kind (name, by_severity)) as flags
union all
select 'pikkit_feature_completeness_ratio', '{}', value
from judged join ops.gate_results using (run_id)
where gate = 'feature_completeness' and value is not null
union all
select 'pikkit_drifted_features', '{}', count(*)
from judged join ops.drift using (run_id)
where has_drifted
union all
select 'pikkit_gate_checks', jsonb_build_object('state', replace(known.state, ' ', '_')), count(results.run_id)
from judged
cross join (values ('passed'), ('warned'), ('failed'), ('not judged')) as known (state)
left join ops.gate_results as results on results.run_id = judged.run_id and results.state = known.state
group by known.state
union all
select 'pikkit_gate_state', jsonb_build_object('state', known.state), (known.state = judged.state)::int
from judged cross join (values ('passed'), ('refused'), ('overridden')) as known (state)
union all
select 'pikkit_alerts_open', jsonb_build_object('severity', known.severity), count(alerts.alert_id)
from (values ('warning'), ('critical')) as known (severity)
left join ops.alerts as alerts on alerts.severity = known.severity and alerts.resolved_at is null
group by known.severity
