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
from typing import Final, Literal, TypeAlias
from uuid import UUID

import psycopg

from feature_repo.declarations.views import STORED_VIEWS
from ingestion.database.access import statement
from ingestion.features.feature_definitions import FeatureDefinition, feature_definitions, on_demand_definitions
from ingestion.features.published_definitions import definition_version

# Of the change rows of a view: their digest, and how many they are. What is computed on demand has none.
_Sealed: TypeAlias = tuple[Decimal, int] | tuple[None, None]
_NO_ROWS: Final[_Sealed] = (Decimal(0), 0)


def record_versions(connection: psycopg.Connection, *, run_id: UUID, now: datetime) -> None:
    """Seal the change rows that this run added, and bring features.feature_metadata up to date with them."""
    views = [view.name for view in STORED_VIEWS]
    seals = connection.execute(statement("seal_run"), {"views": views, "run_id": run_id}).fetchall()
    sealed = dict.fromkeys(views, _NO_ROWS) | {view: (checksum, rows) for view, checksum, rows in seals}
    _record(connection, feature_definitions(), sealed, mode="batch", from_scratch=False, run_id=run_id, now=now)
    record_on_demand_versions(connection, run_id=run_id, now=now)


def record_versions_anew(connection: psycopg.Connection, *, run_id: UUID, now: datetime) -> None:
    """The same for all change rows of all runs, after some were replaced."""
    sealed: dict[str, _Sealed] = {}
    for view in STORED_VIEWS:
        seals = connection.execute(statement("seal_anew"), {"view": view.name}).fetchall()
        # The digest of several runs is the sum of theirs.
        checksum = sum(int(checksum) for checksum, _ in seals) % 2**64
        sealed[view.name] = (Decimal(checksum), sum(rows for _, rows in seals))
    _record(connection, feature_definitions(), sealed, mode="batch", from_scratch=True, run_id=run_id, now=now)
    record_on_demand_versions(connection, run_id=run_id, now=now)


def record_on_demand_versions(connection: psycopg.Connection, *, run_id: UUID | None, now: datetime) -> None:
    """Note the versions of what is computed on demand. `run_id` is null where no run does it, but an apply."""
    views = on_demand_definitions()
    nothing: dict[str, _Sealed] = dict.fromkeys(views, (None, None))
    _record(connection, views, nothing, mode="on_demand", from_scratch=True, run_id=run_id, now=now)


def _record(
    connection: psycopg.Connection,
    views: Mapping[str, Mapping[str, FeatureDefinition]],
    sealed: Mapping[str, _Sealed],
    *,
    mode: Literal["batch", "on_demand"],
    from_scratch: bool,
    run_id: UUID | None,
    now: datetime,
) -> None:
    listed = [
        (view, feature, definition.digest, definition_version(view, feature, definition.digest), *sealed[view])
        for view, definitions in views.items()
        for feature, definition in definitions.items()
    ]
    names = ("views", "features", "definition_hashes", "versions", "checksums", "rows")
    columns = dict(zip(names, map(list, zip(*listed, strict=True)), strict=True))
    connection.execute(
        statement("record_feature_versions"),
        columns | {"mode": mode, "from_scratch": from_scratch, "run_id": run_id, "now": now},
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
