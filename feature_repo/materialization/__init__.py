"""From Postgres to Redis, past the gate: what `feast materialize` and `pikkit run` have in common.

engine          the compute engine that Feast calls: refuses or copies all views of a command
publish_guard   whether rows may be served: their run passed its gate, and they are as they were then
online_copy     the copy: the newest rows of each key, as columns
intervals       what Feast's registry remembers of it
"""
