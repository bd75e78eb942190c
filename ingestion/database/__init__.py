"""The store's Postgres: connections, migrations, Feast's registry, and whether all of it is up to this code."""
