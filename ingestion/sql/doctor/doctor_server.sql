-- Grain    one row: what the server is, and what our role may do in this database
-- Reads    the catalogue
select
    current_setting('server_version') as version,
    current_setting('server_version_num')::integer as version_number,
    current_setting('server_encoding') as encoding,
    -- ours is UTC already; this is what a session has that sets nothing, such as one of Feast's
    (select reset_val from pg_settings where name = 'TimeZone') as time_zone,
    clock_timestamp() as clock,
    current_user as role,
    current_database() as database,
    has_database_privilege(current_database(), 'temporary') as may_make_temporary_tables,
    has_database_privilege(current_database(), 'create') as may_create_schemas,
    pg_is_in_recovery() as is_replica
