-- Grain    one row per vector of a service that was served up to an instant, the newest first
-- Reads    ops.served_vectors
-- Params   service, until, limit
select vector_id, served_at, bet_id, entities, features, views
from ops.served_vectors
where service = %(service)s and served_at <= %(until)s
order by served_at desc, vector_id desc
limit %(limit)s
