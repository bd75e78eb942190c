"""The way in from Python: `open_store()` finds the services and returns Feast's store over this repository."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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


def import_feast(*, checks_types: bool) -> None:
    """Import Feast, unless somebody has.

    Most of the seconds that it takes go into recompiling its classes so that they check the types of their arguments
    at run time. Without `checks_types` that is left out, as typeguard itself leaves it out under `python -O`: for a
    process that declares nothing, and only reads what an apply has checked.
    """
    if "feast" not in sys.modules:
        with nullcontext() if checks_types else unchecked_types():
            import feast  # noqa: F401


@contextmanager
def unchecked_types() -> Iterator[None]:
    """Turn off `typeguard.typechecked` for the modules that are imported inside."""
    import typeguard

    def as_it_is(target: Any = None, **_options: Any) -> Any:
        return as_it_is if target is None else target

    recompiles = typeguard.typechecked
    vars(typeguard)["typechecked"] = as_it_is
    try:
        yield
    finally:
        vars(typeguard)["typechecked"] = recompiles
