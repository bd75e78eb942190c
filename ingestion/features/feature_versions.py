"""The version of every feature: counted up when its rows are computed anew by another definition than before, with a
digest of what its view holds.

A definition is what `feature_definitions.py` says of the feature. A run that adds rows beside those of another
definition leaves the version as it was: only a backfill makes a new one. What is computed on demand has no rows, and
its new version from the apply or run on that first knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import psycopg

from feature_repo.declarations.views import STORED_VIEWS
from ingestion.database.access import statement
from ingestion.features.feature_definitions import FeatureDefinition, feature_definitions, on_demand_definitions
from ingestion.features.published_definitions import definition_version


def record_versions(connection: psycopg.Connection, *, run_id: UUID, now: datetime) -> None:
    """Seal the change rows that this run added, and bring features.feature_metadata up to date with them."""
    for view in STORED_VIEWS:
        sealed = connection.execute(statement("seal_run"), {"view": view.name, "run_id": run_id}).fetchone()
        definitions = feature_definitions()[view.name]
        _record(connection, view.name, definitions, "batch", sealed or (0, 0), False, run_id, now)
    record_on_demand_versions(connection, run_id=run_id, now=now)


def record_versions_anew(connection: psycopg.Connection, *, run_id: UUID, now: datetime) -> None:
    """The same for all change rows of all runs, after some were replaced."""
    for view in STORED_VIEWS:
        seals = connection.execute(statement("seal_anew"), {"view": view.name}).fetchall()
        # The digest of several runs is the sum of theirs.
        checksum, rows = sum(int(checksum) for checksum, _ in seals) % 2**64, sum(rows for _, rows in seals)
        _record(connection, view.name, feature_definitions()[view.name], "batch", (checksum, rows), True, run_id, now)
    record_on_demand_versions(connection, run_id=run_id, now=now)


def record_on_demand_versions(connection: psycopg.Connection, *, run_id: UUID | None, now: datetime) -> None:
    """Note the versions of what is computed on demand. `run_id` is null where no run does it, but an apply."""
    for view, definitions in on_demand_definitions().items():
        _record(connection, view, definitions, "on_demand", (None, None), True, run_id, now)


def _record(
    connection: psycopg.Connection,
    view: str,
    definitions: Mapping[str, FeatureDefinition],
    mode: Literal["batch", "on_demand"],
    sealed: tuple[Decimal | int | None, int | None],
    from_scratch: bool,
    run_id: UUID | None,
    now: datetime,
) -> None:
    digests = {feature: definition.digest for feature, definition in definitions.items()}
    checksum, rows = sealed
    connection.execute(
        statement("record_feature_versions"),
        {
            "view": view,
            "features": list(digests),
            "definition_hashes": list(digests.values()),
            "versions": [definition_version(view, feature, digest) for feature, digest in digests.items()],
            "mode": mode,
            "checksum": checksum,
            "rows": rows,
            "from_scratch": from_scratch,
            "run_id": run_id,
            "now": now,
        },
    )


def redefined_features(connection: psycopg.Connection) -> list[str]:
    """The stored features, as `<view>.<feature>`, with rows that another definition than today's has computed, or of
    before there was the feature. Until a backfill they have them.
    """
    stored: dict[str, dict[str, str]] = {}
    for view, feature, digest in connection.execute(statement("stored_definitions")):
        stored.setdefault(view, {})[feature] = digest
    return [
        f"{view}.{feature}"
        for view, definitions in feature_definitions().items()
        if view in stored
        for feature, definition in definitions.items()
        if stored[view].get(feature) != definition.digest
    ]
