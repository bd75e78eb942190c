"""Lineage as OpenLineage tells it: how datasets are called, what an event says, and the table that keeps events."""
