"""`pikkit audit`: every look at a training set, one after the other, and the verdict, which is kept.

Nothing is refreshed and nothing of the store is changed: the run lock is not needed, and runs go on beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

import polars as pl
import psycopg
from psycopg.types.json import Jsonb

from feature_repo import clock
from feature_repo.declarations.availability import known_only_after_placement
from feature_repo.declarations.feature_lists import FeatureList
from feature_repo.errors import ConfigurationError
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.postgres.queries import statement_of
from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion.database.access import connect, statement
from ingestion.database.migrate import check_migrated
from ingestion.progress import Progress, silent
from ingestion.runs.record import code_version, uuid7
from training.audit import CUTS_MADE, ROWS_COMPARED
from training.audit.columns import column_values, declared_columns
from training.audit.created_at_shift import shift_check
from training.audit.knowledge import knowledge_times, rows_resting_on
from training.audit.perturbation import earlier_outcomes, later_outcomes, perturber
from training.audit.result import Audit, AuditCheck
from training.audit.score import OffsetScore, offset_score, score_check
from training.audit.served import served_check
from training.dataset import TrainingSet, feature_list, training_set

_SEED: Final = 1


@dataclass(frozen=True)
class AuditOptions:
    """What is audited, and how much of it."""

    service: str
    #: Bets placed in [placed_from, placed_to).
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    #: Rows that are compared after each perturbation.
    rows: int = ROWS_COMPARED
    #: Instants after which outcomes are changed; each is a replay of the whole log.
    cuts: int = CUTS_MADE


def audit_service(connections: Connections, options: AuditOptions, progress: Progress = silent) -> Audit:
    """Audit the training set of a service, and keep what was found in ops.audits.

    Raises ConfigurationError for an unknown service, for a store without features, and when no bet was placed in that
    time.
    """
    service = feature_list(options.service)
    with (
        postgres_errors(f"Postgres at {connections.postgres.address}"),
        connect(connections.postgres, purpose="audit", autocommit=True) as connection,
    ):
        check_migrated(connection)
        log_position, watermark, _ = connection.execute(statement("log_position")).fetchone() or (0, None, 0)
        if watermark is None:
            raise ConfigurationError(
                "This store has no features yet", "Nothing was audited", "Load bets with `pikkit run` first"
            )
        looks = _Audited(connections, connection, options, service, log_position, watermark, progress)
        checks = list(looks.checks())
        audit = Audit(uuid7(), clock.now(), service.service, log_position, looks.bets, len(looks.sampled_ids), checks)
        keep_audit(connection, audit)
    return audit


def keep_audit(connection: psycopg.Connection, audit: Audit) -> None:
    """Keep an audit in ops.audits: its checks without findings, so that no bet is named there."""
    checks = [{name: value for name, value in asdict(check).items() if name != "findings"} for check in audit.checks]
    connection.execute(
        statement_of("training", "store_audit"),
        {
            "audit_id": audit.audit_id,
            "audited_at": audit.audited_at,
            "service": audit.service,
            "log_position": audit.log_position,
            "is_clean": audit.is_clean,
            "sentence": audit.sentence,
            "checks": Jsonb(checks),
            "code_version": code_version(),
        },
    )


class _Audited:
    """The looks at one service's training set."""

    def __init__(
        self,
        connections: Connections,
        connection: psycopg.Connection,
        options: AuditOptions,
        service: FeatureList,
        log_position: int,
        watermark: datetime,
        progress: Progress,
    ) -> None:
        self._connections, self._connection, self._options, self._progress = connections, connection, options, progress
        self._service, self._log_position, self._watermark = service, log_position, watermark
        self.bets = 0
        self.sampled_ids = set[str]()
        self._store = store_at(connections)

    def checks(self) -> Iterator[AuditCheck]:
        """The checks, in the order in which they are cheap."""
        yield _timed(lambda: declared_columns(self._service))
        self._progress("log", 0, None)
        yield _timed(lambda: knowledge_times(self._connection, self._log_position))
        self._progress("served vectors", 0, None)
        yield _timed(lambda: served_check(self._connection, self._store, self._service, clock.now()))
        if later := known_only_after_placement(self._service):
            # Whoever places a bet has no such columns to ask with: there is no training set.
            why = f"No training set has {', '.join(later)}: they are known only after the placement."
            yield AuditCheck("training set", "not judged", 0, 0, why)
            return
        self._progress("training set", 0, None)
        made = training_set(
            self._connections,
            self._service.service,
            log_position=self._log_position,
            placed_from=self._options.placed_from,
            placed_to=self._options.placed_to,
        )
        self.bets = made.frame.height
        yield from self._direct_checks(made)
        yield from self._perturbations(made)
        yield from self._scores(made)

    def _direct_checks(self, made: TrainingSet) -> Iterator[AuditCheck]:
        self._progress("values", 0, None)
        yield _timed(lambda: column_values(self._connection, made))
        self._progress("as-of times", 0, None)
        rows = made.frame.sample(min(self._options.rows, made.frame.height), seed=_SEED)
        yield _timed(lambda: rows_resting_on(self._connection, made, rows))

    def _perturbations(self, made: TrainingSet) -> Iterator[AuditCheck]:
        # What is placed past the watermark rests on how far the store is, and not on outcomes.
        placed = made.frame.filter(pl.col("time_placed") <= self._watermark)
        instants = placed["time_placed"].unique().sort()
        count = min(self._options.cuts, len(instants) - 1)
        if count < 1:
            yield AuditCheck("later outcomes", "not judged", 0, 0, "All bets were placed at one instant, or none were.")
            return
        cuts = [instants[len(instants) * (number + 1) // (count + 1)] for number in range(count)]
        with perturber(self._connections, self._store, made) as source:
            yield _timed(lambda: later_outcomes(source, cuts, lambda cut: self._before(placed, cut), self._progress))
            middle = cuts[count // 2]
            after = placed.filter(pl.col("time_placed") > middle).head(self._options.rows)
            self.sampled_ids |= set(after["id"])
            yield _timed(lambda: earlier_outcomes(source, middle, after, self._progress))

    def _before(self, placed: pl.DataFrame, cut: datetime) -> pl.DataFrame:
        """Rows placed by an instant: half of them the last ones, which a look ahead would reach first."""
        by_then = placed.filter(pl.col("time_placed") <= cut)
        last = by_then.tail(self._options.rows // 2)
        earlier = by_then.head(by_then.height - last.height)
        sampled = earlier.sample(min(self._options.rows - last.height, earlier.height), seed=_SEED)
        rows = pl.concat([sampled, last]).sort("time_placed", "id")
        self.sampled_ids |= set(rows["id"])
        return rows

    def _scores(self, made: TrainingSet) -> Iterator[AuditCheck]:
        self._progress("score", 0, None)
        scored: list[OffsetScore] = []

        def look() -> AuditCheck:
            scored.append(offset_score(made))
            return score_check(made, scored[0])

        try:
            yield _timed(look)
        except ConfigurationError as error:
            yield AuditCheck("score", "not judged", 0, 0, f"{error.what}.")
            return
        self._progress("shift by created_at", 0, None)
        yield _timed(lambda: shift_check(self._connection, made, scored[0]))


def _timed(look: Callable[[], AuditCheck]) -> AuditCheck:
    begun = time.perf_counter()
    check = look()
    return replace(check, seconds=time.perf_counter() - begun)
