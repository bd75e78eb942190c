"""Verbs that show what the store holds and change nothing."""
