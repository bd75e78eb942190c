-- The new bets that came before under another id.
select bet.institution_name, anomaly.seq, anomaly.id, anomaly.severity, anomaly.description
from ops.anomalies as anomaly
join processed.bet_versions as bet using (seq)
where anomaly.seq > {since} and anomaly.seq <= {until} and anomaly.kind = 'duplicate'
order by bet.institution_name, anomaly.seq
