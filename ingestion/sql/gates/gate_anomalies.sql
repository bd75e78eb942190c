-- Grain    one row per kind and severity of anomaly among the rows that this run judged
-- Reads    ops.anomalies
-- Params   since_seq, until_seq
select
    kind, severity, count(*) as flags, min(description) as example,
    (array_agg(id order by description, seq))[:3] as example_ids
from ops.anomalies
where seq > %(since_seq)s and seq <= %(until_seq)s
group by kind, severity
order by array_position(array['critical', 'high', 'medium', 'low'], severity), flags desc, kind
