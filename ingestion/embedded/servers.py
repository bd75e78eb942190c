"""The private PostgreSQL and Redis of one home directory, for whoever has no servers of their own.

They go on when the command that started them ends, and when it is killed; `down` stops them. Everything they keep lies
under the home (`PIKKIT_HOME`, default `.pikkit`): two homes on one machine never meet.

    <home>/postgres, redis   the data      <home>/*.log    what the servers say
    <home>/services.json     where they are, for everybody who may read it (the owner)
"""

from __future__ import annotations

import dataclasses
import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]

from feature_repo.errors import ServerNotReady
from feature_repo.servers.connections import Connections
from feature_repo.servers.embedded_servers import PID_FILES, find_server, recorded
from feature_repo.servers.private_files import refuse_unsafe_home, write_private
from ingestion.embedded import postgres, redis
from ingestion.embedded.home import locked_home, prepare_home
from ingestion.embedded.process import Report

__all__ = ["EnvironmentHomes", "environment_homes", "running", "start_servers", "stop_servers"]


def start_servers(home: Path, report: Report = lambda _: None) -> Connections:
    """Start what does not run yet, and say where both are. Two callers at once wait for each other.

    Raises Unreachable for a server that runs and cannot be used, and leaves it as it is; ConfigurationError for a home
    that others made or could replace; LockHeld when another caller does not get on.
    """
    prepare_home(home, report)
    with locked_home(home, report) as say:
        last = recorded(home)
        connections = Connections(
            postgres=postgres.start_postgres(home, say),
            redis=redis.start_redis(home, last.redis if last else None, say),
            embedded=True,
        )
        if connections != last:
            _record(home, connections)
    return connections


def stop_servers(home: Path, report: Report = lambda _: None) -> list[str]:
    """Stop both servers cleanly. Returns the names of those that ran. Raises as `up` does.

    A server that cannot be stopped does not keep the other one.
    """
    refuse_unsafe_home(home)
    if not home.is_dir():
        return []
    stopped: list[str] = []
    refused: list[ServerNotReady] = []
    with locked_home(home, report) as say:
        for name, halt in (("redis", redis.stop_redis), ("postgres", postgres.stop_postgres)):
            try:
                if halt(home, say):
                    stopped.append(name)
            except ServerNotReady as error:
                refused.append(error)
    if refused:
        if stopped:
            report(f"Stopped {' and '.join(stopped)} under {home}")
        raise refused[0]
    return stopped


def running(home: Path) -> list[str]:
    """The names of the servers of this home that run, also of those that are paused or not ready."""
    return [name for name, file in PID_FILES.items() if find_server(home / name, file) is not None]


class EnvironmentHomes(NamedTuple):
    """The homes whose servers run from one environment; and of servers of other users, whose homes cannot be seen,
    the processes: pid and user.
    """

    homes: list[Path]
    of_others: list[tuple[int, str]]


def environment_homes(environment: Path) -> EnvironmentHomes:
    """Every home with a server that runs and whose program lies in this directory, such as a `.venv`."""
    homes: set[Path] = set()
    of_others: dict[int, tuple[int, str]] = {}
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if not _program(process).is_relative_to(environment.resolve()):
                continue
            try:
                directory = Path(process.cwd())
            except psutil.AccessDenied:
                of_others[process.pid] = (process.ppid(), process.username())
                continue
            if directory.name in PID_FILES:
                homes.add(directory.parent)
    # Of a server and its sessions, the server.
    servers = [(pid, user) for pid, (parent, user) in sorted(of_others.items()) if parent not in of_others]
    return EnvironmentHomes(sorted(homes), servers)


def _program(process: psutil.Process) -> Path:
    """The file that a process runs; of another user's process only its command line tells."""
    try:
        return Path(process.exe())
    except psutil.AccessDenied:
        return Path(next(iter(process.cmdline()), "") or "-")


def _record(home: Path, connections: Connections) -> None:
    services = {
        "postgres": dataclasses.asdict(connections.postgres),
        "redis": dataclasses.asdict(connections.redis),
    }
    written = home / "services.json.new"
    write_private(written, json.dumps(services, indent=2))
    written.replace(home / "services.json")
