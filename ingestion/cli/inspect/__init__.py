"""Verbs that show what the store holds and change nothing: status, gate, runs, features, groups, verify."""
