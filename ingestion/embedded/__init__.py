"""The private PostgreSQL and Redis of one home directory, for whoever has no servers of their own."""
