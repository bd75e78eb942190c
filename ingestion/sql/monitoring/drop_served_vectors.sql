-- Grain    one row per vector that was served before that
-- Writes   ops.served_vectors
-- Params   before
delete from ops.served_vectors where served_at < %(before)s
