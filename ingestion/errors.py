"""Every error that a user can meet, with the exit code it ends the command with.

PikkitError
├── ConfigurationError   2  a setting or an argument is missing or wrong
│   ├── SourceRejected   2  a file cannot be read as bets
│   ├── MappingMissing   2  a file that was read by a mapping is given without one
│   ├── SourceDenied     2  a source refuses the key, or has no such table or columns
│   ├── ColumnsVanished  2  a source lacks columns that it had
│   ├── RunUnknown       2  no run, or more than one, has the id that was given
│   ├── LateFirstLoad    2  all that a new source holds is older than what was published
│   ├── ClockRewound     2  the clock lies before the store's last refresh
│   └── ClockAhead       2  the clock lies more than an hour past the database's own
├── GateRefused          3  a refresh, or what one wrote, did not pass its quality gate
├── SourceShrank         3  a table shows nothing, or under half of what it showed
├── DeletesRefused       3  more bets vanished from the source than are deleted unasked
├── Unreachable          4  a store or a source does not answer, or not with what was asked for
│   └── StoreFull        4  the disk under the store is full
└── LockHeld             5  another run, session or command holds a lock that is needed

A message has three parts: what happened, what state things are in now, what to do next. What a caller may need to
act on is an attribute, so that nobody parses text. Any other exception is a bug, keeps its traceback and exits 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID


class PikkitError(Exception):
    """Something that the user can mend; shown without a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, state: str, next_step: str) -> None:
        super().__init__(what, state, next_step)
        self.what, self.state, self.next_step = what, state, next_step

    def __str__(self) -> str:
        parts = (_sentence(part) for part in (self.what, self.state, self.next_step) if part.strip())
        # A part that ends with a list has the next one start on a line of its own.
        return "".join(part + ("\n" if "\n" in part else " ") for part in parts).rstrip()


class ConfigurationError(PikkitError):
    """A setting or an argument is missing or wrong. Nothing was done."""

    exit_code = 2


class SourceRejected(ConfigurationError):
    """A file cannot be read as bets: missing, empty, a directory, broken, or without the required columns.

    `missing` are those columns.
    """

    def __init__(self, what: str, state: str, next_step: str, *, path: Path, missing: Collection[str] = ()) -> None:
        super().__init__(what, state, next_step)
        self.path, self.missing = path, tuple(missing)


class MappingMissing(ConfigurationError):
    """A file whose stream was last read by the user's `mapping` is given without one. Nothing was taken from it."""

    def __init__(self, what: str, state: str, next_step: str, *, stream: str, mapping: str) -> None:
        super().__init__(what, state, next_step)
        self.stream, self.mapping = stream, mapping


class SourceDenied(ConfigurationError):
    """A source refuses the key or the role, or has no such table or columns. Asking again would not help."""


class ColumnsVanished(ConfigurationError):
    """A source lacks `columns` of a bet that it had when it was read last. Nothing was changed."""

    def __init__(self, what: str, state: str, next_step: str, *, columns: tuple[str, ...]) -> None:
        super().__init__(what, state, next_step)
        self.columns = columns


class RunUnknown(ConfigurationError):
    """No run has the id that was given, or several have ids that begin so.

    `candidates` are those, the last one first; the last runs where there are none.
    """

    def __init__(self, what: str, state: str, next_step: str, *, candidates: Sequence[UUID]) -> None:
        super().__init__(what, state, next_step)
        self.candidates = tuple(candidates)


class LateFirstLoad(ConfigurationError):
    """A source that is new to the store holds nothing past the watermark of log and features.

    `newest` is its newest row.
    """

    def __init__(self, what: str, state: str, next_step: str, *, watermark: datetime, newest: datetime) -> None:
        super().__init__(what, state, next_step)
        self.watermark, self.newest = watermark, newest


class ClockRewound(ConfigurationError):
    """The clock (`--now`, `PIKKIT_NOW`) lies before the store's last refresh, and known history is never rewritten."""


class ClockAhead(ConfigurationError):
    """The clock lies past the database's own by `ahead`, more than an hour. Nothing was done."""

    def __init__(self, what: str, state: str, next_step: str, *, ahead: timedelta) -> None:
        super().__init__(what, state, next_step)
        self.ahead = ahead


class GateRefused(PikkitError):
    """A refresh did not pass its quality gate, or rows that passed none were to be served. Nothing was published.

    `run_id` is the refresh that was refused, and `failed` has each failed check with the columns of ops.gate_results;
    `runs` names the runs of each view whose rows may not be served, each with the reason.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        state: str,
        next_step: str,
        *,
        run_id: UUID | None = None,
        failed: Sequence[Mapping[str, Any]] = (),
        runs: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> None:
        super().__init__(what, state, next_step)
        self.run_id, self.failed, self.runs = run_id, tuple(failed), dict(runs or {})


class SourceShrank(PikkitError):
    """A table shows nothing, or under half of the rows that it showed. Nothing was changed, nothing was confirmed.

    `shown` rows now, and `before` at the last good sync; null where they were not counted.
    """

    exit_code = 3

    def __init__(self, what: str, state: str, next_step: str, *, shown: int | None, before: int | None) -> None:
        super().__init__(what, state, next_step)
        self.shown, self.before = shown, before


class DeletesRefused(PikkitError):
    """More bets vanished from the source than a reconciliation deletes unasked. None was deleted."""

    exit_code = 3

    def __init__(self, what: str, state: str, next_step: str, *, vanished: int) -> None:
        super().__init__(what, state, next_step)
        self.vanished = vanished


class Unreachable(PikkitError):
    """A store or a source does not answer, stopped answering, or keeps answering something else than it was asked."""

    exit_code = 4

    def __init__(self, what: str, state: str, next_step: str, *, service: str) -> None:
        super().__init__(what, state, next_step)
        self.service = service


class StoreFull(Unreachable):
    """The disk under the store is full. What was not committed is undone."""


class LockHeld(PikkitError):
    """Another run, session or command holds a lock that is needed. `holder` says which, as far as is known."""

    exit_code = 5

    def __init__(self, what: str, state: str, next_step: str, *, holder: str) -> None:
        super().__init__(what, state, next_step)
        self.holder = holder


def _sentence(part: str) -> str:
    part = part.strip()
    return part if part.endswith((".", "!", "?", ":", ";")) else f"{part}."
