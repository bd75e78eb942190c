-- Grain    a value, part of other statements: the digest of a row, the first 64 bits, signed, of the MD5 of its JSON
-- Reads    the text of one JSON object: the known columns that the table has, in the order of quality.schema.BET_COLUMNS, as
--          Postgres spells them (row_to_json)
('x' || left(md5({row}), 16))::bit(64)::bigint
