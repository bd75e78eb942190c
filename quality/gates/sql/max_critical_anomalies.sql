-- The flags of this severity.
select anomaly.seq, anomaly.id, kind, value, expected_low, expected_high, description
from ops.anomalies as anomaly
where seq > {since} and seq <= {until} and severity = 'critical'
order by seq, kind
