"""Verbs that say where a value or a row comes from, and why it changed."""
