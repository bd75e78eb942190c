-- The flags of these severities.
select anomaly.seq, anomaly.id, severity, kind, value, expected_low, expected_high, description
from ops.anomalies as anomaly
where seq > {since} and seq <= {until} and severity in ('high', 'critical')
order by seq, kind
