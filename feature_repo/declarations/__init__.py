"""Everything that Feast applies as plain data, and how Feast's objects are made of it."""
