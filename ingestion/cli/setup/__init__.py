"""Verbs that set up the store and its servers: up, down, env, doctor, migrate, apply, sample, demo."""
