-- Grain    one row per name that has a code, and since when it is known
-- Reads    features.vocabulary
select column_name, value, code, known_at from features.vocabulary
