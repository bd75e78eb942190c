-- Grain    one row per place outside the store that something was written to
-- Reads    ops.written_files
select place, kind from ops.written_files order by place
