-- Grain    one row per applied migration
-- Reads    nothing
-- Writes   ops.migrations
-- Params   name: the file without its suffix; digest: SHA-256 of its bytes
insert into ops.migrations (name, digest)
values (%(name)s, %(digest)s);
