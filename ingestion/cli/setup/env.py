"""The verb env: the environment variables of plain `feast`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from feature_repo.servers.environment import feast_environment
from ingestion.cli.output import print_line
from ingestion.cli.stores import begin, prepared_stores, stores

if TYPE_CHECKING:
    from feature_repo.servers.connections import Connections
    from ingestion.settings import Settings


def env(
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Of a role that can only look, as for `feast ui`, which has buttons.")
    ] = False,
) -> None:
    """Print the exports that plain `feast` needs.

    For eval "$(pikkit env)". Passwords are among them, so let no log keep them. Starts the embedded servers. With
    --read-only the servers refuse every change.
    """
    settings = begin()
    connections = _read_only(settings) if read_only else stores(settings)
    for name, value in feast_environment(connections).items():
        print_line(f"export {name}={shlex.quote(value)}")


def _read_only(settings: Settings) -> Connections:
    from feature_repo.errors import ConfigurationError
    from ingestion.embedded.reader import READER, REDIS_RIGHTS, reader_connections

    if settings.external is not None:
        raise ConfigurationError(
            "These servers are your own, and pikkit makes no roles in them: that takes a superuser of theirs",
            "Nothing was printed",
            "docs/store-roles.sql makes the role pikkit_trainer, which can only look, and Redis one by: "
            f"ACL SETUSER {READER} on '>PASSWORD' '~*' {' '.join(REDIS_RIGHTS)}. Then run `pikkit env` with "
            "POSTGRES_USER, POSTGRES_PASSWORD and REDIS_URL of these two",
        )
    return reader_connections(settings.home, prepared_stores(settings))
