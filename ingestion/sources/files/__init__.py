"""Bets in a file: CSV, JSON, JSON lines or Parquet, as tables of bets or by a format."""
