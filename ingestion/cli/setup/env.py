"""The verb env: the environment variables of plain `feast`."""

from __future__ import annotations

import shlex

from feature_repo.servers.environment import feast_environment
from ingestion.cli.output import print_line
from ingestion.cli.stores import begin, stores


def env() -> None:
    """Print the exports that plain `feast` needs.

    For eval "$(pikkit env)". Starts the embedded servers.
    """
    for name, value in feast_environment(stores(begin())).items():
        print_line(f"export {name}={shlex.quote(value)}")
