"""What the store refuses, in words for whoever asked: in plain Feast as in `pikkit`.

Refused
├── PublicationRefused     3  rows whose gate did not pass, or that are not the ones which passed it
├── RunLockHeld            5  another run, apply or materialization is under way
├── RunLockRefused         2  a role that may not take the run lock, or a store that lacks it
├── RunLockLost            4  the run lock went, with its session, before the work was done
├── TableLocked            5  a table that another session keeps locked
├── EntityKeysMissing      2  an online request whose keys are null, or there in part only
├── OnlineStoreUnavailable 4  Redis does not answer, or not with what was asked for
├── EntityFrameUnfit       2  a training frame whose columns are missing, or hold what no key or instant can be
├── RowsUnfit              2  rows or a source that the offline store cannot read or write as they are
├── RetrievalTimedOut      4  a retrieval that took longer than it was given
├── HomeUnsafe             2  a PIKKIT_HOME, or a file in it, that others made or could replace
├── ServerNotReady         4  an embedded server that runs and is paused, silent, starting or locked to us
├── PublishedListChanged   2  a service whose published list of features would change
├── StoredFunctionDiffers  3  a view whose function in Feast's registry is not the one of this repository
└── NotScorable            2  a service that is not there, or that a scorer cannot serve

A message has three parts: what happened, what state things are in now, what to do next. Feast's command line shows a
`click.ClickException` without a traceback and ends with its exit code, as `pikkit` does with its own errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import click


class Refusal(click.ClickException):
    """Something that must not be done now."""

    exit_code = 1

    def __init__(self, what: str, state: str, next_step: str) -> None:
        self.what, self.state, self.next_step = what, state, next_step
        # A part that ends with a list has the next one start on a line of its own.
        parts = [part if part.endswith((".", ":")) else f"{part}." for part in (what, state, next_step)]
        super().__init__("".join(part + ("\n" if "\n" in part else " ") for part in parts).rstrip())


class UnsoundRun(NamedTuple):
    """A run whose rows of a view may not be served, and why not."""

    run_id: UUID
    reason: str
    # whether none of its rows is left
    is_gone: bool = False


class PublicationRefused(Refusal):
    """Rows may not reach the online store. `runs` has, for each view, every run that is at fault."""

    exit_code = 3

    def __init__(
        self, what: str, state: str, next_step: str, *, runs: Mapping[str, Sequence[UnsoundRun]] | None = None
    ) -> None:
        super().__init__(what, state, next_step)
        self.runs = {view: tuple(unsound) for view, unsound in (runs or {}).items()}


class RunLockHeld(Refusal):
    """Another session holds the run lock: `holder` says whose."""

    exit_code = 5

    def __init__(self, what: str, state: str, next_step: str, *, holder: str) -> None:
        super().__init__(what, state, next_step)
        self.holder = holder


class RunLockRefused(Refusal):
    """The run lock cannot be taken: the role may not write to the store, or the store is not migrated."""

    exit_code = 2


class RunLockLost(Refusal):
    """The session that held the run lock ended before the work under it was committed."""

    exit_code = 4


class TableLocked(Refusal):
    """Another session keeps a table locked, and the wait for it has ended."""

    exit_code = 5


class EntityKeysMissing(Refusal):
    """An online request whose join keys are null, or partly missing. Raised, it is a FeastError and a KeyError too."""

    exit_code = 2


class OnlineStoreUnavailable(Refusal):
    """Redis does not answer, or not with what was asked for. Raised, it is a redis.RedisError and a FeastError too."""

    exit_code = 4


class EntityFrameUnfit(Refusal):
    """An entity frame whose columns are missing, or hold what no key or instant can be."""

    exit_code = 2


class RowsUnfit(Refusal):
    """Rows, a table or a source that the offline store cannot read or write as they are."""

    exit_code = 2


class RetrievalTimedOut(Refusal, TimeoutError):
    """A retrieval that took longer than it was given. It is a TimeoutError too."""

    exit_code = 4


class HomeUnsafe(Refusal):
    """A PIKKIT_HOME, or a file in it, that another user made or could put one of their own in the place of."""

    exit_code = 2


class ServerNotReady(Refusal):
    """An embedded server that runs and cannot be used: `server` and `pid` say which.

    `condition` is paused, starting, silent, locked (it refuses the recorded password) or ending.
    """

    exit_code = 4

    def __init__(self, what: str, state: str, next_step: str, *, server: str, pid: int, condition: str) -> None:
        super().__init__(what, state, next_step)
        self.server, self.pid, self.condition = server, pid, condition


class NotScorable(Refusal):
    """A feature service that is not there, or holds what a scorer cannot serve."""

    exit_code = 2


class PublishedListChanged(Refusal):
    """An apply that would change the list of features of services that are published: `services` names them."""

    exit_code = 2

    def __init__(self, what: str, state: str, next_step: str, *, services: tuple[str, ...]) -> None:
        super().__init__(what, state, next_step)
        self.services = services


class StoredFunctionDiffers(Refusal):
    """Feast's registry holds another function for `view` than this repository: neither of the two is run."""

    exit_code = 3

    def __init__(self, what: str, state: str, next_step: str, *, view: str) -> None:
        super().__init__(what, state, next_step)
        self.view = view
