"""Where Postgres and Redis are, and how the embedded ones of a home are found and kept private."""
