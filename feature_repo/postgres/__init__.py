"""Sessions at Postgres, the SQL files, frames by COPY, the run lock, and what is read again beside those who use it."""
