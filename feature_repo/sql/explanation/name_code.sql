-- Grain    one row, or none: the code of a name, and since when it is known
-- Reads    features.vocabulary
-- Params   column, value
select code, known_at
from features.vocabulary
where column_name = %(column)s and value = %(value)s
