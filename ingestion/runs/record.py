"""The record of every run: what it was asked, its steps with counts and seconds, how it ended.

A run writes its record on a connection of its own, so that the record stays when the run's transaction is undone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from feature_repo import clock
from feature_repo.errors import GateRefused, PikkitError
from feature_repo.lineage.event_log import keep_events
from feature_repo.servers.connections import Postgres
from feature_repo.servers.redaction import redacted
from ingestion.database.access import connect, statement
from ingestion.lineage import run_events
from ingestion.runs.life_lock import living_runs
from ingestion.runs.run_ids import short_run_ids

RunState = Literal["running", "done", "refused", "failed", "died"]


@dataclass(frozen=True)
class Documented:
    """What a step or a run did: a frozen dataclass that is kept with the run, and printed by `--json`, as an object."""

    def document(self) -> dict[str, Any]:
        """The object: the attributes by their names, unless a class says otherwise. JSON and jsonb can hold it."""
        return asdict(self)


SummaryT = TypeVar("SummaryT", bound=Documented)
SummaryT_co = TypeVar("SummaryT_co", bound=Documented, covariant=True)


@dataclass
class Step:
    """One step of a run."""

    name: str
    #: What it did; null for a step with nothing to say, and for one that failed before it could.
    result: Documented | None = None
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """What it did, as an object; an empty one where there is nothing to say."""
        return self.result.document() if self.result else {}


@dataclass(frozen=True)
class FinishedRun(Generic[SummaryT_co]):
    """A run that ended well, as the verb that made it returns it."""

    run_id: UUID
    #: What messages call it (ingestion/runs/run_ids.py).
    short_id: str
    verb: str
    #: In the order in which they began.
    steps: Sequence[Step]
    #: What the run did; each verb has its own (ingestion/runs/summaries.py).
    summary: SummaryT_co


def _keep_nothing(_place: int, _step: Step, _seconds: float | None) -> None:
    """Of a run without a record."""


@dataclass
class Run:
    """A run that is going on."""

    run_id: UUID
    verb: str
    #: The run's clock: one instant for all of it.
    now: datetime
    steps: list[Step] = field(default_factory=list)
    #: What the record says that it did, also when it fails; null as long as that is nothing.
    summary: Documented | None = None
    #: What messages call it (ingestion/runs/run_ids.py).
    short_id: str = ""
    #: Keeps a step in the run's record, by its place: with null for seconds when it begins, and again when it ends.
    keep_step: Callable[[int, Step, float | None], None] = field(default=_keep_nothing, repr=False)
    #: When it began, by the machine's clock.
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time a step and keep its result, also when it fails."""
        step, place = Step(name), len(self.steps)
        self.steps.append(step)
        self.keep_step(place, step, None)
        started = time.perf_counter()
        try:
            yield step
        except BaseException:
            step.seconds = time.perf_counter() - started
            # What went wrong may have taken the record's connection too, and is what must be told.
            with suppress(psycopg.Error):
                self.keep_step(place, step, step.seconds)
            raise
        step.seconds = time.perf_counter() - started
        self.keep_step(place, step, step.seconds)

    def finished(self, summary: SummaryT) -> FinishedRun[SummaryT]:
        """The run once all of its steps are over. The summary goes into its record too."""
        self.summary = summary
        return FinishedRun(self.run_id, self.short_id, self.verb, tuple(self.steps), summary)


@contextmanager
def recorded_run(
    postgres: Postgres, verb: str, *, source: str | None = None, now: datetime | None = None
) -> Iterator[Run]:
    """A run whose record is in ops.runs from its start. Enter it while holding the run lock.

    Records still marked as running belong to runs that died, since their lock is free: they are marked so, but for
    those that go on without it (ingestion/runs/run_beside.py).
    """
    with connect(postgres, purpose="run record", autocommit=True) as connection:
        run = Run(_next_run_id(connection), verb, now or clock.now())
        run.keep_step = partial(_keep_step, connection, run.run_id)
        with connection.transaction():
            _close_died_runs(connection)
            _start(connection, run, source)
        run.short_id = short_run_ids(connection, [run.run_id])[run.run_id]
        try:
            yield run
        except BaseException as error:
            _finish(connection, run, error, redacted(str(error) or type(error).__name__, postgres.password))
            raise
        _finish(connection, run, None, None)


def _close_died_runs(connection: psycopg.Connection) -> None:
    params = {"now": datetime.now(UTC), "living": living_runs(connection)}
    died = connection.execute(statement("mark_died_runs"), params).fetchall()
    keep_events(connection, [run_events.died(*run) for run in died])


def _start(connection: psycopg.Connection, run: Run, source: str | None) -> None:
    connection.execute(
        statement("start_run"),
        {
            "run_id": run.run_id,
            "verb": run.verb,
            "source": source,
            "code_version": code_version(),
            "now": run.now,
            "started_at": run.started_at,
        },
    )
    keep_events(connection, [run_events.started(run.run_id, run.verb, run.now, code_version())])


def _keep_step(connection: psycopg.Connection, run_id: UUID, place: int, step: Step, seconds: float | None) -> None:
    counts = Jsonb(step.document())
    params = {"run_id": run_id, "position": place, "step": step.name, "seconds": seconds, "counts": counts}
    connection.execute(statement("store_step"), params)


def _finish(connection: psycopg.Connection, run: Run, error: BaseException | None, message: str | None) -> None:
    with connection.transaction():
        keep_events(connection, [run_events.ended(run.run_id, run.verb, message)])
        connection.execute(
            statement("finish_run"),
            {
                "run_id": run.run_id,
                "state": _state(error),
                "finished_at": datetime.now(UTC),
                "counts": Jsonb(run.summary.document() if run.summary else {}),
                "exit_code": error.exit_code if isinstance(error, PikkitError) else int(error is not None),
                "error": message,
            },
        )


def _state(error: BaseException | None) -> RunState:
    if isinstance(error, GateRefused):
        return "refused"
    return "failed" if error else "done"


def _next_run_id(connection: psycopg.Connection) -> UUID:
    """An id that sorts after those of all runs of the store, also of one whose machine's clock was ahead."""
    newest = connection.execute(statement("newest_run")).fetchone()
    return uuid7(after=newest[0] if newest else None)


def uuid7(after: UUID | None = None) -> UUID:
    """A UUID that sorts by the time it was made (RFC 9562, version 7), and after the given one."""
    milliseconds = max(time.time_ns() // 1_000_000, (after.int >> 80) + 1 if after else 0)
    random = int.from_bytes(os.urandom(10))
    return UUID(
        int=milliseconds << 80 | 7 << 76 | (random >> 68 << 64) & (0xFFF << 64) | 2 << 62 | random & (1 << 62) - 1
    )


@cache
def code_version() -> str:
    """The installed version, with the commit where the code stands in a git checkout."""
    released = version("pikkit-feature-store")
    head = Path(__file__).parents[2] / ".git" / "HEAD"
    if not head.is_file():
        return released
    target = head.read_text(encoding="utf-8").strip()
    if target.startswith("ref: "):
        ref = head.parent / target.removeprefix("ref: ")
        target = ref.read_text(encoding="utf-8").strip() if ref.is_file() else ""
    return f"{released}+{target[:12]}" if target else released
