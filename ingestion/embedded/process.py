"""Server processes that outlive the command that started them: start one, find it again, stop it.

A server is found by its pid file and by its working directory, which both servers make their data directory. A pid
alone proves nothing: after a crash or a reboot it may belong to any other process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]

Report = Callable[[str], None]


@dataclass(frozen=True)
class Account:
    """The system user that a server runs as."""

    uid: int
    gid: int


def launch(arguments: Sequence[str], directory: Path, log: Path, account: Account | None = None) -> int:
    """Start a server detached from this process, its output appended to `log`. Returns its pid.

    The shell in between exits at once, so that the server is never our child: no signal of the terminal reaches it,
    and it leaves no zombie behind when it dies before us.
    """
    with log.open("ab") as output:
        # "$@" keeps each argument as it is, whatever characters a path has.
        shell = ["/bin/sh", "-c", '"$@" </dev/null >&2 & echo $!', "sh", *arguments]
        started = run_as(account, shell, directory, stdout=subprocess.PIPE, stderr=output)
    started.check_returncode()
    return int(started.stdout)


def run_as(
    account: Account | None, arguments: Sequence[str], directory: Path, *, stdout: int | IO[bytes], stderr: IO[bytes]
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as this account (None: as ourselves), in a session of its own, and wait for it."""
    return subprocess.run(  # noqa: S603 (every caller's own binary and arguments)
        arguments,
        cwd=directory,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )


def _environment() -> dict[str, str]:
    """What a server needs, and nothing else: no secret of ours, no PGPORT. Messages come in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def alive(pid: int) -> bool:
    """Whether this process runs (a zombie does not)."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def find(directory: Path, pid_file: str) -> psutil.Process | None:
    """The live server of this data directory, if there is one and it is ours to see."""
    try:
        process = psutil.Process(int((directory / pid_file).read_text().split(maxsplit=1)[0]))
        return process if Path(process.cwd()) == directory.resolve() else None
    except (FileNotFoundError, NotADirectoryError, PermissionError, IndexError, ValueError, psutil.Error):
        return None


def stop(process: psutil.Process, how: signal.Signals, patience: float = 300) -> None:
    """Ask the server to end, and kill it when it has not within `patience` seconds."""
    for step, seconds in ((how, patience), (signal.SIGKILL, 60)):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(step)
        deadline = time.monotonic() + seconds
        while alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not alive(process.pid):
            return


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for a message."""
    try:
        return "; ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
