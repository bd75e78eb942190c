"""Bets in a table of a Supabase project, over its REST API."""
