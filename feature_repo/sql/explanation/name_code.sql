-- Grain    one row, or none: the code of a name
-- Reads    features.vocabulary
-- Params   column, value
select code
from features.vocabulary
where column_name = %(column)s and value = %(value)s
