"""From the log of bet versions to change rows: sums, last N, replay, refresh, backfill, verify."""
