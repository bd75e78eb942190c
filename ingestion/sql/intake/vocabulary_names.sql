-- Grain    one row per name that a column ever held
-- Reads    features.vocabulary
-- Params   columns: which ones
select column_name, value from features.vocabulary where column_name = any (%(columns)s) order by column_name, value
