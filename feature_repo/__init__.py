"""What Feast serves: entities, views, on-demand views and services, and how their keys are spelled.

Importing this package does not import Feast (which takes seconds); `open_store` does.
"""

from feature_repo.store import REPOSITORY, open_store

__all__ = ["REPOSITORY", "open_store"]
