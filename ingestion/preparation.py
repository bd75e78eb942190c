"""Whether a store is up to this code: its schema, and what Feast's registry knows. Needs neither Feast nor frames."""

from __future__ import annotations

import psycopg

from feature_repo.groups import STORED_VIEWS
from ingestion.database import statement
from ingestion.errors import ConfigurationError
from ingestion.migrate import pending


def check_prepared(connection: psycopg.Connection) -> None:
    """Raise ConfigurationError when the store's schema or Feast's registry is not up to this code."""
    if missing := pending(connection):
        raise ConfigurationError(
            f"The store lacks migrations: {', '.join(missing)}",
            "Nothing was done",
            "Run `pikkit migrate`, then `pikkit apply`",
        )
    if missing := unapplied(connection):
        raise ConfigurationError(
            f"Feast's registry lacks views: {', '.join(missing)}", "Nothing was done", "Run `pikkit apply`"
        )


def unapplied(connection: psycopg.Connection) -> list[str]:
    """The stored views that Feast's registry does not know."""
    with connection.transaction():
        exists = connection.execute("select to_regclass('feast.feature_views') is not null").fetchone()
        rows = connection.execute(statement("registered_views")).fetchall() if exists == (True,) else []
    known = {name for (name,) in rows}
    return [view.name for view in STORED_VIEWS if view.name not in known]
