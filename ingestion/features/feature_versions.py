"""The version of every stored feature: counted up when its rows are computed anew by another definition than before,
with a digest of what its view holds.

A definition is what `feature_definitions.py` says of the feature. A run that adds rows beside those of another
definition leaves the version as it was: only a backfill makes a new one.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import psycopg

from feature_repo.declarations.views import STORED_VIEWS, BetView, GroupedView
from ingestion.database.access import statement
from ingestion.features.feature_definitions import feature_definitions


def record_versions(connection: psycopg.Connection, *, run_id: UUID, now: datetime) -> None:
    """Seal the change rows that this run added, and bring features.feature_metadata up to date with them."""
    for view in STORED_VIEWS:
        params = {"view": view.name, "run_id": run_id}
        sealed = connection.execute(statement("seal_run"), params).fetchone()
        _record(connection, view, *(sealed or (0, 0)), from_scratch=False, now=now)


def record_versions_anew(connection: psycopg.Connection, *, now: datetime) -> None:
    """The same for all change rows of all runs, after some were replaced."""
    for view in STORED_VIEWS:
        seals = connection.execute(statement("seal_anew"), {"view": view.name}).fetchall()
        # The digest of several runs is the sum of theirs.
        checksum, rows = sum(int(checksum) for checksum, _ in seals) % 2**64, sum(rows for _, rows in seals)
        _record(connection, view, checksum, rows, from_scratch=True, now=now)


def _record(
    connection: psycopg.Connection,
    view: GroupedView | BetView,
    checksum: Decimal | int,
    rows: int,
    *,
    from_scratch: bool,
    now: datetime,
) -> None:
    definitions = feature_definitions()[view.name]
    connection.execute(
        statement("record_feature_versions"),
        {
            "view": view.name,
            "features": list(definitions),
            "definition_hashes": [definition.digest for definition in definitions.values()],
            "checksum": checksum,
            "rows": rows,
            "from_scratch": from_scratch,
            "now": now,
        },
    )


def redefined_views(connection: psycopg.Connection) -> list[str]:
    """The views that hold rows of a feature which another definition than today's has computed, or of before there was
    the feature. Until a backfill they do.
    """
    stored: dict[str, dict[str, str]] = {}
    for view, feature, digest in connection.execute(statement("stored_definitions")):
        stored.setdefault(view, {})[feature] = digest
    return [
        view
        for view, definitions in feature_definitions().items()
        if view in stored
        and any(stored[view].get(feature) != definition.digest for feature, definition in definitions.items())
    ]
