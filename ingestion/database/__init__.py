"""The store's Postgres.

access.py         connections, statements, the run lock, commits
locked_store.py   the store as a verb that writes holds it
read_only.py      the store as a verb that reads has it
migrate.py        the schema brought up to this code
apply.py          Feast's registry brought up to feature_repo/, as `feast apply` does
registry.py       what Feast's registry holds, read without Feast
rollout.py        whether a store is up to what this code declares
"""
