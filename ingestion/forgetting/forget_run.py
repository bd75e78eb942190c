"""The run `forget`: the store's Postgres in one transaction, then Redis, then the files that were written of it.

The bet counts no more from now on: `pikkit run` publishes that, as it does for a bet that the source deleted. The run
judges nothing, writes no feature and moves no watermark, so no gate can refuse an erasure, and nothing looks fresher.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import uuid4

import psycopg

from feature_repo import clock
from feature_repo.errors import PikkitError
from feature_repo.lineage.datasets import table_dataset
from feature_repo.lineage.event_log import keep_events
from feature_repo.lineage.events import DatasetUse, rows_written
from feature_repo.servers.connections import Connections
from ingestion.database.access import commit, statement
from ingestion.database.locked_store import locked_store
from ingestion.features.watermark import check_clock
from ingestion.forgetting.erasure import Subject, erase
from ingestion.forgetting.keyed_digests import KeyedDigests, Kind
from ingestion.forgetting.online_rows import REDIS, finish_online
from ingestion.forgetting.receipt import FinishedPlaces, PlaceCounts, Receipt, keep_place, keep_receipt
from ingestion.forgetting.strike import PersonalNames
from ingestion.forgetting.subject import subject_of_bet, subject_of_user
from ingestion.forgetting.user_column import UserColumn
from ingestion.lineage import run_events
from ingestion.progress import Progress, silent
from ingestion.runs.record import FinishedRun, Run, code_version, recorded_run
from ingestion.serving.materialize import open_online_store

#: What looks for bets (their ids) in a file or a directory outside the store, and takes them out of it.
FileEraser = Callable[[PersonalNames], PlaceCounts]
#: What looks at what was made of these bets before they are forgotten: the models that were trained on them.
Look = Callable[[psycopg.Connection, Collection[str]], Sequence[PlaceCounts]]


def run_forget(
    connections: Connections,
    *,
    bet: str | None = None,
    user: str | None = None,
    user_column: str,
    files: Mapping[str, FileEraser],
    look: Look,
    clock_ahead: bool = False,
    progress: Progress = silent,
) -> FinishedRun[Receipt]:
    """Forget a bet, or a user with all their bets.

    `files` are the places outside the store, each with what erases there; `look` sees the bets before that.

    Raises ConfigurationError where there is no such bet or user, LockHeld, and Unreachable when Redis cannot be
    reached: Postgres is done then, and the next run goes on.
    """
    with locked_store(connections, "forget") as connection:
        now = clock.now()
        check_clock(connection, now, clock_ahead=clock_ahead)
        digests = KeyedDigests.of_store(connection)
        subject = _subject(connection, digests, bet, user, user_column)
        kind: Kind = "user" if user is not None else "bet"
        with recorded_run(connections.postgres, "forget", now=now) as this, _no_names_in_errors(subject.names):
            receipt_id = uuid4()
            with this.step("postgres"):
                seen = look(connection, subject.bets)
                places = erase(connection, subject, digests, run_id=this.run_id, now=now, progress=progress)
                keep_receipt(connection, receipt_id, this.run_id, kind, len(subject.bets), now)
                places += [*seen, *(PlaceCounts(place, 0, 0, None) for place in (REDIS, *files))]
                for position, counts in enumerate(places):
                    keep_place(connection, receipt_id, position, counts)
                connection.execute(statement("forget_pending"), {"ids": sorted(subject.bets), "receipt_id": receipt_id})
                receipt = Receipt(receipt_id, kind, len(subject.bets), now, code_version(), places)
                _keep_lineage(connection, connections, this, len(subject.bets))
            with this.step("commit"):
                commit(connection)
            this.summary = receipt
            with this.step("redis"), open_online_store(connections) as store:
                finish_online(connection, store)
            with this.step("files"):
                for position, erase_in_file in enumerate(files.values(), start=len(places) - len(files)):
                    progress("files", position, len(places))
                    with connection.transaction():
                        keep_place(connection, receipt_id, position, erase_in_file(subject.names))
                with connection.transaction():
                    connection.execute(statement("drop_finished_pending"))
            rows = connection.execute(statement("receipts"), {"receipt_id": receipt_id}).fetchall()
            done = [PlaceCounts(*row) for row in rows]
            connection.rollback()
            return this.finished(Receipt(receipt_id, kind, len(subject.bets), now, code_version(), done))


def run_finish(
    connections: Connections, *, files: Mapping[str, FileEraser], progress: Progress = silent
) -> FinishedRun[FinishedPlaces]:
    """Do what erasures before left to do: in Redis, and in `files`. Raises LockHeld, and Unreachable for Redis."""
    with (
        locked_store(connections, "forget") as connection,
        recorded_run(connections.postgres, "forget", now=clock.now()) as this,
    ):
        places = connection.execute(statement("unfinished_places")).fetchall()
        pending = connection.execute(statement("pending_ids")).fetchall()
        connection.rollback()
        with this.step("redis"), open_online_store(connections) as store:
            finish_online(connection, store)
        done = []
        with this.step("files"):
            for number, (receipt_id, position, place) in enumerate(places):
                progress("files", number, len(places))
                if place in files:
                    names = PersonalNames(frozenset(bet for bet, of_receipt in pending if of_receipt == receipt_id))
                    done.append(files[place](names))
                    with connection.transaction():
                        keep_place(connection, receipt_id, position, done[-1])
            with connection.transaction():
                connection.execute(statement("drop_finished_pending"))
        return this.finished(FinishedPlaces(done))


def count_forgettable(
    connections: Connections,
    *,
    bet: str | None = None,
    user: str | None = None,
    user_column: str,
    progress: Progress = silent,
) -> tuple[int, list[PlaceCounts], PersonalNames]:
    """What an erasure would find in Postgres, without it: how many bets, the counts by place, the names to look for.

    Everything is done and undone, under the run lock, so the counts are those of the erasure itself.
    """
    with locked_store(connections, "forget") as connection:
        digests = KeyedDigests.of_store(connection)
        subject = _subject(connection, digests, bet, user, user_column)
        try:
            counts = erase(connection, subject, digests, run_id=uuid4(), now=clock.now(), progress=progress)
        finally:
            connection.rollback()
        return len(subject.bets), counts, subject.names


def _subject(
    connection: psycopg.Connection, digests: KeyedDigests, bet: str | None, user: str | None, user_column: str
) -> Subject:
    if user is not None:
        return subject_of_user(connection, user, UserColumn(user_column, digests))
    return subject_of_bet(connection, bet or "")


@contextmanager
def _no_names_in_errors(names: PersonalNames) -> Iterator[None]:
    """Errors of drivers may quote a row: what a run keeps of them, and what is printed, names nobody."""
    try:
        yield
    except PikkitError:
        raise
    except Exception as error:
        error.args = tuple(names.struck(argument) for argument in error.args)
        raise


def _keep_lineage(connection: psycopg.Connection, connections: Connections, run: Run, bets: int) -> None:
    log = table_dataset(connections.postgres, "processed.bet_versions")
    erased = run_events.part_events(
        run.run_id,
        "erasure",
        begun_at=run.started_at,
        code_version=code_version(),
        inputs=[],
        outputs=[DatasetUse(log, {}, rows_written(bets))],
    )
    keep_events(connection, [*erased, run_events.committing(run.run_id, run.verb)])
