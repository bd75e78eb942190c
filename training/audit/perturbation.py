"""Other outcomes, replayed: what was known after a row must not move a feature of it, what was known before must.

The log is replayed with changed outcomes by the code that every refresh runs, into temporary tables, and features are
retrieved from these through Feast, as for training. All of it happens in a transaction that Postgres holds to reading,
so that nothing of it can reach the store; it is undone at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import psycopg

from feature_repo.declarations.views import GROUPED_VIEWS, STORED_VIEWS
from feature_repo.postgres.queries import statement_of
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect
from ingestion.features.full_replay import create_replay_tables, replay_into_tables
from ingestion.progress import Progress, silent
from ingestion.report.kept_audits import AuditState
from ingestion.wording import counted
from training.audit.result import FINDINGS_LISTED, AuditCheck, LeakFinding
from training.dataset import TrainingSet, placed_features

if TYPE_CHECKING:
    from feast import FeatureStore
    from feast.infra.offline_stores.offline_store import RetrievalJob

# Two computations of one value agree to this (rule R3).
_TOLERANCE: Final = 1e-9
_TABLES: Final = {view.name: f"pg_temp.replayed_{view.name}" for view in STORED_VIEWS}


@dataclass(frozen=True)
class Moved:
    """A feature of a row that another outcome of other bets moved. Values are text."""

    id: str
    feature: str
    before: str
    after: str


@dataclass(frozen=True)
class Perturber:
    """Retrieves features of a training set as they would be had bets ended otherwise."""

    store: FeatureStore
    connection: psycopg.Connection
    training_set: TrainingSet
    #: seq, at: the versions that say how a bet ended, and from when on that can have been known.
    outcomes: pl.DataFrame

    def features(self, rows: pl.DataFrame, changed: pl.Expr, progress: Progress = silent) -> pl.DataFrame:
        """The features of rows of the training set, had the outcomes that `changed` selects (over `at`) been others.

        `rows` have `id` and `time_placed`. A row comes back for each, in their order, with the features of the service;
        nothing of the replay stays in the store.
        """
        changed_seqs = self.outcomes.filter(changed).select("seq")
        with _undone(self.connection):
            create_replay_tables(self.connection)
            # Temporary tables may be filled all the same. It ends with the savepoint.
            self.connection.execute("set transaction read only")
            replay_into_tables(self.connection, progress, changed=partial(other_outcomes, seqs=changed_seqs))
            return placed_features(self.store, self.training_set.service, rows, self._in_session)

    def _in_session(self, job: Any) -> RetrievalJob:
        from feature_repo.offline_store.session_job import SessionJob

        return SessionJob(job, self.connection, _TABLES)


@contextmanager
def perturber(connections: Connections, store: FeatureStore, training_set: TrainingSet) -> Iterator[Perturber]:
    """One for a training set, over one snapshot of the store."""
    with connect(connections.postgres, purpose="audit") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        params = {"log_position": training_set.log_position}
        rows = connection.execute(statement_of("training", "outcome_instants"), params).fetchall()
        schema: dict[str, Any] = {"seq": pl.Int64, "at": pl.Datetime("us", "UTC")}
        yield Perturber(store, connection, training_set, pl.DataFrame(rows, schema=schema, orient="row"))
        connection.rollback()


@contextmanager
def _undone(connection: psycopg.Connection) -> Iterator[None]:
    with connection.transaction(force_rollback=True):
        yield


def other_outcomes(log: pl.DataFrame, seqs: pl.DataFrame) -> pl.DataFrame:
    """A log (LOG_SCHEMA) in which the versions of these `seq` end otherwise: grade, profit, closing line.

    Of those that were won or lost every other one becomes a push, so that counts change as well; the others are lost
    where they were won and won where they were not. A version always becomes the same.
    """
    is_won, is_lost = (pl.col("status") == f"SETTLED_{grade}" for grade in ("WIN", "LOSS"))
    is_pushed = (is_won | is_lost) & (pl.col("seq") % 2 == 0)
    is_losing = is_won | (pl.col("status") == "SETTLED_CASHEDOUT")
    price = pl.col("american_odds").cast(pl.Float64)
    pays = pl.when(price < 0).then(100 / -price).otherwise(price / 100).fill_null(1.0)
    is_settled = pl.col("status") != "PENDING"
    changed = {
        "status": pl.when(~is_settled)
        .then(pl.col("status"))
        .when(is_pushed)
        .then(pl.lit("SETTLED_PUSH"))
        .when(is_losing)
        .then(pl.lit("SETTLED_LOSS"))
        .otherwise(pl.lit("SETTLED_WIN")),
        "profit_cents": pl.when(~is_settled)
        .then(pl.col("profit_cents"))
        .when(is_pushed)
        .then(pl.lit(0, pl.Int64))
        .when(is_losing)
        .then(-pl.col("amount_cents"))
        .otherwise((pl.col("amount_cents") * pays).round().cast(pl.Int64)),
        "clv_percentage": pl.col("clv_percentage").fill_null(0.0) + 7,
        "clv_current_odds": pl.col("clv_current_odds") + 13,
    }
    is_changed = pl.col("seq").is_in(seqs["seq"].to_list())
    return log.with_columns(
        pl.when(is_changed).then(value).otherwise(pl.col(name)).alias(name) for name, value in changed.items()
    )


def later_outcomes(
    source: Perturber, cuts: Sequence[datetime], rows_before: Callable[[datetime], pl.DataFrame], progress: Progress
) -> AuditCheck:
    """Whether outcomes known after an instant move rows placed by then, for each of these instants."""
    moved: list[Moved] = []
    bets = set[str]()
    for number, cut in enumerate(cuts):
        progress("later outcomes", number, len(cuts))
        rows = rows_before(cut)
        bets |= set(rows["id"])
        moved += moved_features(rows, source.features(rows, pl.col("at") > cut), source.training_set.features)
    rows_moved = len({each.id for each in moved})
    features = sorted({each.feature for each in moved})
    sentence = (
        f"{counted(rows_moved, 'row')} of {len(bets):,} moved when what was known later changed, in "
        f"{', '.join(features)}."
        if moved
        else f"{counted(len(bets), 'row')} stayed when every outcome known after them was another, "
        f"at {counted(len(cuts), 'instant')}."
    )
    state: AuditState = "leak" if moved else "clean"
    return AuditCheck("later outcomes", state, len(bets), rows_moved, sentence, _findings(moved, "known later"))


def earlier_outcomes(source: Perturber, cut: datetime, rows: pl.DataFrame, progress: Progress) -> AuditCheck:
    """Whether outcomes known by an instant move rows placed after it: otherwise no perturbation says anything."""
    progress("earlier outcomes", 0, 1)
    moved = moved_features(rows, source.features(rows, pl.col("at") <= cut), source.training_set.features)
    rows_moved, features = len({each.id for each in moved}), {each.feature for each in moved}
    of_groups = [name for view in GROUPED_VIEWS for name in source.training_set.service.features.get(view.name, ())]
    sentence = (
        f"{counted(rows_moved, 'row')} of {rows.height:,} moved, in {len(features)} of "
        f"{counted(len(of_groups), 'feature')} of groups, when what was known before them changed."
        if moved
        else "No row moved when what was known before them changed: the look at later outcomes sees nothing."
    )
    return AuditCheck("earlier outcomes", "clean" if moved else "blind", rows.height, rows_moved, sentence)


def moved_features(rows: pl.DataFrame, perturbed: pl.DataFrame, features: Sequence[str]) -> list[Moved]:
    """Where the features of rows and of the same rows perturbed are not the same: exactly, or to 1e-9 for a float.

    The frames have the same bets in the same order. Feature after feature, then in the order of the rows.
    """
    moved = []
    for feature in features:
        before, after = rows[feature], perturbed[feature]
        for place in _differs(before, after).arg_true():
            moved.append(Moved(rows["id"][place], feature, str(before[place]), str(after[place])))
    return moved


def _differs(before: pl.Series, after: pl.Series) -> pl.Series:
    if before.dtype.is_float() or after.dtype.is_float():
        numbers = pl.DataFrame({"before": before.cast(pl.Float64), "after": after.cast(pl.Float64)}).fill_nan(None)
        apart = (pl.col("before") - pl.col("after")).abs() > _TOLERANCE * pl.col("before").abs().clip(1)
        one_is_null = pl.col("before").is_null() != pl.col("after").is_null()
        return numbers.select((apart.fill_null(False) | one_is_null).alias("differs"))["differs"]
    return before.ne_missing(after)


def _findings(moved: Sequence[Moved], why: str) -> list[LeakFinding]:
    return [LeakFinding(each.id, each.feature, each.after, each.before, why) for each in moved[:FINDINGS_LISTED]]
