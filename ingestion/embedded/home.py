"""The directory of the embedded servers: made for its owner alone, closed to others, used by one command at a time."""

from __future__ import annotations

import fcntl
import grp
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

from feature_repo.errors import ConfigurationError, HomeUnsafe, LockHeld
from feature_repo.servers.embedded_servers import is_paused
from feature_repo.servers.private_files import open_private, refuse_unsafe_file, refuse_unsafe_home, user_name
from ingestion.embedded.process import POLL, SILENCE, SYSTEM_USER, Report

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def prepare_home(home: Path, report: Report) -> None:
    """Make the home, or close an existing one to other users, and report that.

    Raises HomeUnsafe for one that others made, or in which a file of ours is a link or somebody else's.
    """
    refuse_unsafe_home(home)
    try:
        for parent in reversed(home.parents):  # of those that are missing nobody may replace anything, either
            parent.mkdir(mode=0o755, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"PIKKIT_HOME {home} cannot be made ({error.strerror})",
            "Nothing was done",
            "Set PIKKIT_HOME to a directory of your own",
        ) from error
    refuse_unsafe_home(home)
    closed = [path for path in _kept(home) if _close(path)]
    if closed:
        names = ", ".join(str(path) if path == home else path.name for path in closed)
        report(f"Closed to other users, as it should have been: {names}")


def pass_through(home: Path, group: int) -> None:
    """Let this group, and nobody else, pass through the home: PostgreSQL's own when we are root."""
    os.chown(home, -1, group)
    home.chmod(0o710)


@contextmanager
def locked_home(home: Path, report: Report) -> Iterator[Report]:
    """One process at a time starts or stops servers. The kernel frees the lock of a process that dies.

    What is said through the report that this yields is kept in the lock file too, for those who wait. They say what
    they wait for, for as long as it changes. Raises LockHeld when it has not for SILENCE seconds, and at once when the
    holder is paused.
    """
    descriptor = open_private(home / "lock", os.O_RDWR)
    try:
        _take(home, descriptor, report)

        def noted(line: str) -> None:
            _note(descriptor, line)
            report(line)

        _note(descriptor, "")
        yield noted
    finally:
        os.close(descriptor)


def _note(descriptor: int, line: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n{line}".encode(), 0)


def _take(home: Path, descriptor: int, report: Report) -> None:
    said, changed_at = "", time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            pid, _, line = os.pread(descriptor, 4096, 0).decode(errors="replace").partition("\n")
        holder = f"process {pid}" if pid else "another command"
        now = f"Waiting for {holder}, which starts or stops the embedded servers{f': {line}' if line else ''}"
        if now != said:
            said, changed_at = now, time.monotonic()
            report(said)
        if _is_paused(pid):
            raise LockHeld(
                f"Process {pid} holds the lock of {home} and is paused: a signal such as SIGSTOP holds it",
                "Nothing was done",
                f"Let it go on with `kill -CONT {pid}`, then run the command again",
                holder=holder,
            )
        if time.monotonic() - changed_at > SILENCE:
            raise LockHeld(
                f"{holder[0].upper()}{holder[1:]} holds the lock of {home} and has said nothing for {SILENCE:.0f} s",
                "Nothing was done",
                "Wait until it is done, or end it, then run the command again",
                holder=holder,
            )
        time.sleep(POLL)


def _is_paused(pid: str) -> bool:
    try:
        return is_paused(psutil.Process(int(pid)))
    except (ValueError, psutil.Error):
        return False


def _kept(home: Path) -> Iterator[Path]:
    """The home, its files, and those of Redis and the demo. PostgreSQL checks its own directory."""
    yield home
    for directory in (home, home / "redis", home / "demo"):
        if directory.is_dir():
            yield from sorted(directory.iterdir())


def _close(path: Path) -> bool:
    """Take others' rights to a file or directory of ours away. False when they had none. Raises HomeUnsafe."""
    try:
        status = path.stat() if path.is_dir() else path.lstat()
    except FileNotFoundError:  # gone since: a temporary file of Redis
        return False
    if not stat.S_ISDIR(status.st_mode):
        if not stat.S_ISSOCK(status.st_mode):
            refuse_unsafe_file(path, status)
    elif status.st_uid != os.geteuid() and not _is_postgres(path, status):
        raise HomeUnsafe(
            f"{path} belongs to another user, {user_name(status.st_uid)}",
            "Nothing was read or written there",
            "Look who put it there, and remove it",
        )
    allowed = stat.S_IXGRP if os.geteuid() == 0 and _is_group_of_postgres(status.st_gid) else 0
    if not status.st_mode & _OTHERS & ~allowed:
        return False
    path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS | status.st_mode & allowed)
    return True


def _is_postgres(path: Path, status: os.stat_result) -> bool:
    """Whether this is a directory of the user that PostgreSQL runs as when we are root."""
    return os.geteuid() == 0 and path.name.startswith("postgres") and user_name(status.st_uid) == SYSTEM_USER


def _is_group_of_postgres(gid: int) -> bool:
    try:
        return grp.getgrgid(gid).gr_name == SYSTEM_USER
    except KeyError:
        return False
