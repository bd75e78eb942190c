"""What the report is drawn of, read from the store in one snapshot. Reads only, without Feast, frames or SciPy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Connections, Postgres
from ingestion.database.access import connect, statement
from ingestion.gates.results import FeatureDrift, Verdicts, verdicts
from ingestion.report.kept_audits import KeptAudit, newest_audits
from ingestion.runs.history import PastRun, last_runs
from ingestion.runs.run_ids import short_run_ids
from ingestion.runs.status import StoreStatus

# How many runs the charts reach back, and how many judgements the small lines.
RUNS_DRAWN: Final = 96

_Row = TypeVar("_Row")


@dataclass(frozen=True)
class Distribution:
    """How a feature's values are distributed, by the newest judgement and at the refresh accepted before it.

    Numbers have `edges`, one more than bins; text and flags have `labels`, null for all rarer values.
    """

    view: str
    feature: str
    edges: list[float] | None
    labels: list[str | None] | None
    rows: list[int]
    reference_rows: list[int]
    nulls: int
    reference_nulls: int


@dataclass(frozen=True)
class Shift:
    """How far the newest judged batch moved from earlier bets, by one test and in one segment (quality/shifts)."""

    test: str
    segment_column: str | None
    segment: str | None
    rows: int
    reference_rows: int
    value: float | None
    expected: float | None
    score: float | None
    description: str


@dataclass(frozen=True)
class RefusedReason:
    """How many rows of the quarantine a reason refused: those that are open, and all."""

    reason: str
    open_rows: int
    rows: int


@dataclass(frozen=True)
class ReportContents:
    """All of it. What needs a migrated store is empty where migrations are pending."""

    status: StoreStatus
    #: The last runs, the oldest first.
    runs: Sequence[PastRun]
    #: How many runs there are in all.
    runs_in_all: int
    short_run_ids: Mapping[UUID, str]
    #: The newest judgement; null before the first.
    verdicts: Verdicts | None
    #: By gate and scope, its values at the last judgements, the oldest first.
    gate_values: Mapping[tuple[str, str], Sequence[float | None]]
    #: By view and feature, its PSI at the last judgements, the oldest first.
    psi_values: Mapping[tuple[str, str], Sequence[float | None]]
    #: By view, in the order of the declarations.
    distributions: Mapping[str, Sequence[Distribution]]
    shifts: Sequence[Shift]
    refused: Sequence[RefusedReason]
    #: The newest of each service.
    audits: Sequence[KeptAudit] = ()

    def drift_of(self, distribution: Distribution) -> FeatureDrift | None:
        """How far that feature moved; null where it was not compared."""
        rows = self.verdicts.drift if self.verdicts else ()
        of = (distribution.view, distribution.feature)
        return next((row for row in rows if (row.view, row.feature) == of), None)


def report_contents(connections: Connections, status: StoreStatus) -> ReportContents:
    """What is drawn of a store that was seen so. Raises Unreachable when Postgres does not answer."""
    if status.contents is None:
        return ReportContents(status, (), 0, {}, None, {}, {}, {}, (), ())
    return _contents(connections.postgres, status)


def _contents(postgres: Postgres, status: StoreStatus) -> ReportContents:
    with postgres_errors(f"Postgres at {postgres.address}"), connect(postgres, purpose="report") as connection:
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        with connection.transaction():
            runs = last_runs(connection, RUNS_DRAWN)[::-1]
            (runs_in_all,) = connection.execute(statement("count_runs")).fetchone() or (0,)
            has_judged = status.contents is not None and status.contents.gate is not None
            return ReportContents(
                status=status,
                runs=runs,
                runs_in_all=runs_in_all,
                short_run_ids=short_run_ids(connection, [run.run_id for run in runs]),
                verdicts=verdicts(connection) if has_judged else None,
                gate_values=_values(connection, "gate_values"),
                psi_values=_values(connection, "psi_values"),
                distributions=_distributions(connection),
                shifts=_rows(connection, Shift, "newest_shifts"),
                refused=_rows(connection, RefusedReason, "refused_reasons"),
                audits=newest_audits(connection),
            )


def _distributions(connection: psycopg.Connection) -> Mapping[str, Sequence[Distribution]]:
    by_view: dict[str, list[Distribution]] = defaultdict(list)
    for row in _rows(connection, Distribution, "newest_distributions"):
        by_view[row.view].append(row)
    return by_view


def _values(connection: psycopg.Connection, query: LiteralString) -> dict[tuple[str, str], list[float | None]]:
    rows = connection.execute(statement(query), {"judgements": RUNS_DRAWN})
    return {(first, second): values for first, second, values in rows}


def _rows(connection: psycopg.Connection, row: type[_Row], query: LiteralString) -> list[_Row]:
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(statement(query)).fetchall()
