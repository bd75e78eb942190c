"""Bets in a table of a Postgres."""
