"""Erasing a bet or a person: from the store, from Redis and from the files that were written of it (docs/forget.md)."""
