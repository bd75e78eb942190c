-- Grain    a value, part of source_rows: an instant in microseconds since 1970; the least bigint for one that is not
--          of the years 1000 to 9999, or infinite; null for null
-- Reads    one column of a table of bets
case
    when {column} >= '1000-01-01' and {column} < '9999-12-31' then (extract(epoch from {column}) * 1000000)::bigint
    when {column} is not null then -9223372036854775808
end
