"""The way in from Python: `open_store()` finds the services and returns Feast's store over this repository."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import environment_over_dotenv, feast_environment, resolve

if TYPE_CHECKING:
    from feast import FeatureStore

# Where feature_store.yaml stands.
REPOSITORY: Final = Path(__file__).resolve().parent.parent


def open_store(environ: Mapping[str, str] | None = None) -> FeatureStore:
    """Feast's store, connected as `environ` says (default: the process environment over `.env`).

    Does what `eval "$(pikkit env)"` and `FeatureStore(".")` do together. Raises SettingsUnusable for
    settings that are missing or wrong, Unreachable when the embedded servers are meant and do not run, ServerNotReady
    for one that runs and cannot be used, HomeUnsafe for a PIKKIT_HOME that others could write.
    """
    return store_at(resolve(dict(environ) if environ is not None else environment_over_dotenv()))


def store_at(connections: Connections) -> FeatureStore:
    """Feast's store over these connections. feature_store.yaml takes its values from `os.environ`: they go there."""
    os.environ.update(feast_environment(connections))
    from feast import FeatureStore

    return FeatureStore(str(REPOSITORY))
