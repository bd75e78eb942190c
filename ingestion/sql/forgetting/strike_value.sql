-- Grain    one row: the value at this place
-- Writes   the column
-- Params   place, value
-- Format   table, column
update {table} set {column} = %(value)s where ctid = %(place)s::tid
