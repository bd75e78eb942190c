"""The private PostgreSQL and Redis of one home directory, for whoever has no servers of their own.

They go on when the command that started them ends, and when it is killed; `down` stops them. Everything they keep lies
under the home (`PIKKIT_HOME`, default `.pikkit`): two homes on one machine never meet.

    <home>/postgres, redis   the data      <home>/*.log    what the servers say
    <home>/services.json     where they are, for everybody who may read it (the owner)
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feature_repo.connections import Connections, recorded
from ingestion.embedded import postgres, redis
from ingestion.embedded.process import Report
from ingestion.errors import ConfigurationError

__all__ = ["down", "running", "up"]


def up(home: Path, report: Report = lambda _: None) -> Connections:
    """Start what does not run yet, and say where both are. Two callers at once wait for each other."""
    _make(home)
    with _locked(home, report):
        last = recorded(home)
        connections = Connections(
            postgres=postgres.start(home, report),
            redis=redis.start(home, last.redis if last else None, report),
            embedded=True,
        )
        if connections != last:
            _record(home, connections)
    return connections


def down(home: Path) -> list[str]:
    """Stop both servers cleanly. Returns the names of those that ran."""
    if not home.is_dir():
        return []
    with _locked(home, lambda _: None):
        return [server.__name__.rpartition(".")[2] for server in (redis, postgres) if server.halt(home)]


def running(home: Path) -> list[str]:
    """The names of the servers of this home that run."""
    return [server.__name__.rpartition(".")[2] for server in (redis, postgres) if server.running(home)]


def _make(home: Path) -> None:
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)  # passed through by PostgreSQL's user, when we are root
    except OSError as error:
        raise _unfit(home, f"cannot be made ({error.strerror})") from error


def _unfit(home: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"PIKKIT_HOME {home} {why}", "Nothing was done", "Set PIKKIT_HOME to a directory of your own"
    )


@contextmanager
def _locked(home: Path, report: Report) -> Iterator[None]:
    """One process at a time starts or stops servers. The kernel frees the lock of a process that dies."""
    try:
        lock = (home / "lock").open("w")
    except PermissionError as error:
        raise _unfit(home, "belongs to another user") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Another command is starting or stopping the embedded servers; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _record(home: Path, connections: Connections) -> None:
    services = {
        "postgres": dataclasses.asdict(connections.postgres),
        "redis": dataclasses.asdict(connections.redis),
    }
    written = home / "services.json.new"
    written.touch(mode=0o600)
    written.write_text(json.dumps(services, indent=2))
    written.replace(home / "services.json")
