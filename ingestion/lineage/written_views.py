"""What a run wrote of each view: how many rows, their digest, and by which versions of its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import psycopg

from ingestion.database.access import statement


@dataclass(frozen=True)
class WrittenView:
    """What a run wrote of a view, as it was committed."""

    rows: int
    #: Of its rows' typed values; depends on no order (`features.digests`).
    digest: str
    #: By feature, the version of its definition.
    feature_versions: Mapping[str, int]


def written_views(connection: psycopg.Connection, run_id: UUID) -> dict[str, WrittenView]:
    """What of each view is sealed as this run's, and the versions that its features have now."""
    sealed = connection.execute(statement("seals_of_run"), {"run_id": run_id}).fetchall()
    return {view: WrittenView(rows, str(digest), versions) for view, rows, digest, versions in sealed}
