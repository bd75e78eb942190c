"""A bet as callers and sources have it: its columns, names, types, prices, and the codes of its names."""
