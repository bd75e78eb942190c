-- Grain    one row per vector
-- Writes   ops.served_vectors
-- Params   vectors: a JSON array of objects with the columns
insert into ops.served_vectors (served_at, service, bet_id, entities, features, views)
select served_at, service, bet_id, entities, features, views
from jsonb_to_recordset(%(vectors)s::jsonb) as vector (
    served_at timestamptz, service text, bet_id text, entities jsonb, features jsonb, views jsonb
)
