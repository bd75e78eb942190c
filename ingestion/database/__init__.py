"""The store's Postgres.

access            connections, statements, the run lock, commits
locked_store      the store as a verb that writes holds it
read_only         the store as a verb that reads has it
migrate           the schema brought up to this code
apply             Feast's registry brought up to feature_repo/, as `feast apply` does
registered_views  what Feast's registry holds, read without Feast
rollout           whether a store is up to what this code declares
"""
