-- Grain    one row per column and name
-- Reads    features.vocabulary
select column_name, value, code
from features.vocabulary
