"""Every error that a user can meet, in plain Feast as in `pikkit`, with the exit code it ends the command with.

PikkitError
├── ConfigurationError        2  a setting, an argument or what was handed in is missing or wrong
│   ├── SettingsUnusable      2  settings of the environment or of .env are missing or wrong
│   ├── HomeUnsafe            2  a PIKKIT_HOME, or a file in it, that others made or could replace
│   ├── SourceRejected        2  a file cannot be read as bets
│   ├── MappingMissing        2  a file that was read by a mapping is given without one
│   ├── SourceDenied          2  a source refuses the key, or has no such table or columns
│   ├── ColumnsVanished       2  a source lacks columns that it had
│   ├── RunUnknown            2  no run, or more than one, has the id that was given
│   ├── LateFirstLoad         2  all that a new source holds is older than what was published
│   ├── ClockRewound          2  the clock lies before the store's last refresh
│   ├── ClockAhead            2  the clock lies more than an hour past the database's own
│   ├── PublishedListChanged  2  an apply would change the published list of features of a service
│   ├── NotScorable           2  a service does not exist, or a scorer cannot serve it
│   ├── EntityKeysMissing     2  an online request has keys that are null, or there in part only
│   ├── EntityFrameUnfit      2  a training frame lacks columns, or has values that no key or instant can have
│   └── RowsUnfit             2  rows or a source that the offline store cannot read or write as they are
├── Refusal                   3  what was asked for is refused because of what the data are
│   ├── GateRefused           3  rows did not pass their quality gate, or are not the rows that passed it
│   ├── StoredFunctionDiffers 3  Feast's registry holds another function for a view than this repository
│   ├── VocabularyDiffers     3  the store's codes of names are not those that a model was trained on
│   ├── SourceShrank          3  a table shows nothing, or under half of what it showed
│   └── DeletesRefused        3  more bets vanished from the source than are deleted unasked
├── Unreachable               4  a store or a source does not answer, or not with what was asked for
│   ├── StoreFull             4  the disk under the store is full
│   ├── VocabularyUnavailable 4  the codes of names were never read, and cannot be read now
│   ├── ServerNotReady        4  an embedded server runs and is paused, silent, starting or locked to us
│   └── RetrievalTimedOut     4  a retrieval took longer than it was given
└── LockHeld                  5  another run, session or command holds a lock that is needed

A message has three parts: what happened, what state things are in now, what to do next. What a caller may need to
act on is an attribute, so that nobody parses text. Any other exception is a bug, keeps its traceback and exits 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from inspect import Parameter, signature
from pathlib import Path
from typing import Any
from uuid import UUID

import click


class PikkitError(click.ClickException):
    """Something that the user can mend. `feast` and `pikkit` show it without a traceback, and end with `exit_code`.

    `what` happened, the `state` that things are in now, and the `next_step` are sentences; their full stops may be
    left out.
    """

    exit_code = 1

    def __init__(self, what: str, state: str, next_step: str) -> None:
        self.what, self.state, self.next_step = what, state, next_step
        super().__init__(str(self))

    @property
    def kind(self) -> str:
        """The name of its class in this module. A subclass that is made for Feast's sake has that of its parent."""
        return next(ancestor.__name__ for ancestor in type(self).__mro__ if ancestor.__module__ == __name__)

    def data(self) -> dict[str, Any]:
        """What it carries besides the three parts, by name: the keyword arguments of its class, each an attribute."""
        parameters = signature(type(self).__init__).parameters.values()
        return {each.name: getattr(self, each.name) for each in parameters if each.kind is Parameter.KEYWORD_ONLY}

    def __str__(self) -> str:
        """The three sentences in one text."""
        parts = (_sentence(part) for part in (self.what, self.state, self.next_step) if part.strip())
        # A part that ends with a list has the next one start on a line of its own.
        return "".join(part + ("\n" if "\n" in part else " ") for part in parts).rstrip()

    def format_message(self) -> str:
        """What Click prints of it."""
        return str(self)


# ---- configuration: exit code 2 ------------------------------------------------------------------------------------


class ConfigurationError(PikkitError):
    """A setting, an argument or what was handed in is missing or wrong. Nothing was done."""

    exit_code = 2


class SettingsUnusable(ConfigurationError):
    """Settings are missing or wrong: `problems` has every one of them with its reason, and no secret."""

    def __init__(self, what: str, state: str, next_step: str, *, problems: Mapping[str, str]) -> None:
        super().__init__(what, state, next_step)
        self.problems = dict(problems)


class HomeUnsafe(ConfigurationError):
    """A PIKKIT_HOME, or a file in it, that another user made or could put one of their own in the place of."""


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


class PublishedListChanged(ConfigurationError):
    """An apply that would change the list of features of services that are published: `services` names them."""

    def __init__(self, what: str, state: str, next_step: str, *, services: tuple[str, ...]) -> None:
        super().__init__(what, state, next_step)
        self.services = services


class NotScorable(ConfigurationError):
    """A feature service that is not there, or holds what a scorer cannot serve."""


class EntityKeysMissing(ConfigurationError):
    """An online request whose join keys are null, or partly missing.

    Where Feast reads online, its subclass FeastEntityKeysMissing is raised, which is a FeastError and a KeyError too.
    """


class EntityFrameUnfit(ConfigurationError):
    """An entity frame whose columns are missing, or hold what no key or instant can be."""


class RowsUnfit(ConfigurationError):
    """Rows, a table or a source that the offline store cannot read or write as they are."""


# ---- refused: exit code 3 ------------------------------------------------------------------------------------------


class Refusal(PikkitError):
    """What was asked for is refused because of what the data are. Nothing was changed."""

    exit_code = 3


@dataclass(frozen=True)
class UnsoundRun:
    """A run whose rows of a view may not be served."""

    run_id: UUID
    # why not
    reason: str
    # whether none of its rows is left
    is_gone: bool = False


class GateRefused(Refusal):
    """A refresh did not pass its quality gate, or rows that passed none were to be served. Nothing was published.

    `run_id` is the refresh that was refused, and `failed` has each failed check with the columns of ops.gate_results;
    `runs` has, for each view whose rows may not be served, every run that is at fault.
    """

    def __init__(
        self,
        what: str,
        state: str,
        next_step: str,
        *,
        run_id: UUID | None = None,
        failed: Sequence[Mapping[str, Any]] = (),
        runs: Mapping[str, Sequence[UnsoundRun]] | None = None,
    ) -> None:
        super().__init__(what, state, next_step)
        self.run_id, self.failed = run_id, tuple(failed)
        self.runs = {view: tuple(unsound) for view, unsound in (runs or {}).items()}


class StoredFunctionDiffers(Refusal):
    """Feast's registry holds another function for `view` than this repository: neither of the two is run."""

    def __init__(self, what: str, state: str, next_step: str, *, view: str) -> None:
        super().__init__(what, state, next_step)
        self.view = view


class VocabularyDiffers(Refusal):
    """The store's codes of names do not go on from those that a model was trained on: `columns` says of which columns.

    Its encoded features would mean other names than they did in training.
    """

    def __init__(self, what: str, state: str, next_step: str, *, columns: Sequence[str]) -> None:
        super().__init__(what, state, next_step)
        self.columns = columns


class SourceShrank(Refusal):
    """A table shows nothing, or under half of the rows that it showed. Nothing was changed, nothing was confirmed.

    `shown` rows now, and `before` at the last good sync; null where they were not counted.
    """

    def __init__(self, what: str, state: str, next_step: str, *, shown: int | None, before: int | None) -> None:
        super().__init__(what, state, next_step)
        self.shown, self.before = shown, before


class DeletesRefused(Refusal):
    """More bets vanished from the source than a reconciliation deletes unasked. None was deleted."""

    def __init__(self, what: str, state: str, next_step: str, *, vanished: int) -> None:
        super().__init__(what, state, next_step)
        self.vanished = vanished


# ---- unreachable: exit code 4 --------------------------------------------------------------------------------------


class Unreachable(PikkitError):
    """A store or a source does not answer, stopped answering, or keeps answering something else than it was asked.

    `service` names it. Where Feast reads or writes online, its subclass FeastOnlineStoreUnavailable is raised, which
    is a redis.RedisError and a FeastError too.
    """

    exit_code = 4

    def __init__(self, what: str, state: str, next_step: str, *, service: str) -> None:
        super().__init__(what, state, next_step)
        self.service = service


class StoreFull(Unreachable):
    """The disk under the store is full. What was not committed is undone."""


class VocabularyUnavailable(Unreachable):
    """The codes of names were never read in this process and cannot be read now. A code of 0 would be a lie."""


class ServerNotReady(Unreachable):
    """An embedded server that runs and cannot be used: `service` (postgres or redis) and `pid` say which.

    `condition` is paused, starting, silent, locked (it refuses the recorded password) or ending.
    """

    def __init__(self, what: str, state: str, next_step: str, *, service: str, pid: int, condition: str) -> None:
        super().__init__(what, state, next_step, service=service)
        self.pid, self.condition = pid, condition


class RetrievalTimedOut(Unreachable, TimeoutError):
    """A retrieval that took longer than it was given. It is a TimeoutError too."""


# ---- locked: exit code 5 -------------------------------------------------------------------------------------------


class LockHeld(PikkitError):
    """Another run, session or command holds a lock that is needed. `holder` says which, as far as is known."""

    exit_code = 5

    def __init__(self, what: str, state: str, next_step: str, *, holder: str) -> None:
        super().__init__(what, state, next_step)
        self.holder = holder


def _sentence(part: str) -> str:
    part = part.strip()
    return part if part.endswith((".", "!", "?", ":", ";")) else f"{part}."
