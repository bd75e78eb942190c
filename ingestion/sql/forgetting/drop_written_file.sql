-- Grain    one row: a place where nothing of what was written stands any more
-- Writes   ops.written_files
-- Params   place
delete from ops.written_files where place = %(place)s
