-- Grain    one row per stream that is read with a format
-- Reads    ops.stream_formats
select stream, name, declaration from ops.stream_formats order by stream
