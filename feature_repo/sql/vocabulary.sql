-- Grain    one row per column and name
-- Reads    features.vocabulary
select column_name, value, code, known_at
from features.vocabulary
