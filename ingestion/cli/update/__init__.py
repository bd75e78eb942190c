"""Verbs that change the log and the features: sync, run, backfill, reconcile."""
