"""The whole log replayed into new change rows, and the stored ones replaced by them, in one transaction.

After a change of a feature's definition. Rows that come out the same stay as they are, with the run that first wrote
them if a gate let it through and its lineage is on record; readers see the old rows until the commit and never wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from feature_repo.declarations.views import STORED_VIEWS
from ingestion.database.access import statement
from ingestion.features import feature_versions
from ingestion.features.full_replay import comparison_query, replay_log
from ingestion.features.refresh import DatabaseStates
from ingestion.features.replay import MemoryStates
from ingestion.progress import Progress, silent
from ingestion.runs.record import Documented


@dataclass(frozen=True)
class ReplacedRows:
    """How many change rows of a view a backfill replaced."""

    #: Stored rows that the replay has not, or has otherwise.
    removed: int
    #: Rows of the replay that were not stored.
    written: int


@dataclass(frozen=True)
class BackfillCounts(Documented):
    """What a backfill replaced."""

    #: Of every stored view.
    views: Mapping[str, ReplacedRows]

    @property
    def written(self) -> int:
        """Change rows written in all views."""
        return sum(rows.written for rows in self.views.values())

    def document(self) -> dict[str, Any]:
        """The counts by view."""
        return {view: asdict(rows) for view, rows in self.views.items()}


def replace_by_replay(
    connection: psycopg.Connection, *, run_id: UUID, now: datetime, progress: Progress = silent
) -> BackfillCounts:
    """Replace what differs from a full replay, and the group state. Returns how many rows."""
    states = replay_log(connection, progress)
    views = dict[str, ReplacedRows]()
    for view in STORED_VIEWS:
        removed = connection.execute(comparison_query("drop_differing", view)).rowcount
        of_view = {"run_id": run_id, "view": view.name}
        connection.execute(comparison_query("take_over_unjudged", view), of_view)
        written = connection.execute(comparison_query("insert_missing", view), {"run_id": run_id}).rowcount
        views[view.name] = ReplacedRows(removed, written)
    _replace_state(connection, states)
    connection.execute("truncate features.bet_counts")
    connection.execute(statement("recount_bets"))
    # The watermark stays: a backfill reads no source, so nothing is known to be fresher than before.
    feature_versions.record_versions_anew(connection, run_id=run_id, now=now)
    return BackfillCounts(views)


def _replace_state(connection: psycopg.Connection, states: MemoryStates) -> None:
    connection.execute(statement("forget_state"))
    stored = DatabaseStates(connection)
    stored.put_sums(states.all_sums())
    stored.put_recent(states.all_recent())
