"""Sessions at Postgres, the SQL files, frames by COPY, and the run lock."""
