"""A training frame: which rows of each view's history hold at the instants of an entity frame."""
