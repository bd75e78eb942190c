"""From Postgres to Redis, past the gate: what `feast materialize` and `pikkit run` do alike."""
