"""Server processes that outlive the command that started them: start one, wait for it, ask it to end.

How long is waited. A server that says that it is not ready yet, or whose log grows, makes progress: it is waited for
up to PROGRESS seconds, with a line every INTERVAL. One that says nothing has SILENCE seconds. One that is paused or
refuses our password is not waited for at all. None is ever killed: what did not end when it was asked to is an error.
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
from typing import IO, Any, Final

import psutil  # type: ignore[import-untyped]

from feature_repo.errors import PikkitError, ServerNotReady, StoreFull, Unreachable
from feature_repo.servers.embedded_servers import NAMES, ServerState, not_ready

# The system user that PostgreSQL runs as when we are root, and its group.
SYSTEM_USER: Final = "pgserver"
# Seconds, as the top of this file says. The last question to a silent server may take five more.
SILENCE: Final = 20.0
PROGRESS: Final = 300.0
INTERVAL: Final = 5.0
# Seconds between two looks.
POLL: Final = 0.05

Report = Callable[[str], None]


@dataclass(frozen=True)
class Account:
    """The system user that a server runs as."""

    uid: int
    gid: int


class Wait:
    """A wait for a server (`postgres`, `redis`) of a home, which ends by the rules at the top of this file.

    `aim` completes the sentence "Waiting for the embedded Redis to ...".
    """

    def __init__(self, home: Path, server: str, aim: str, report: Report) -> None:
        self._home, self._server, self._aim, self._report = home, server, aim, report
        self._log = home / f"{server}.log"
        self._begun = self._heard = self._told = time.monotonic()
        self._size = self._log_size()

    def go_on(self, state: ServerState) -> None:
        """Sleep, and report now and then. Raises ServerNotReady when a server in this state is waited for no more."""
        now, size = time.monotonic(), self._log_size()
        if state.condition == "starting" or size != self._size:
            self._heard, self._size = now, size
        if state.condition in ("paused", "locked") or now - self._heard > SILENCE or now - self._begun > PROGRESS:
            raise not_ready(self._home, self._server, state, now - self._begun)
        if now - self._told >= INTERVAL:
            self._told = now
            words = state.detail or (tail(self._log, 1) if self._heard > self._begun else "it says nothing")
            awaited = f"the embedded {NAMES[self._server]} to {self._aim}"
            self._report(f"Waiting for {awaited}, {now - self._begun:.0f} s so far: {words}")
        time.sleep(POLL)

    def _log_size(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0


def launch(arguments: Sequence[str], directory: Path, log: int, account: Account | None = None) -> int:
    """Start a server detached from this process, its output going to the descriptor `log`. Returns its pid.

    The shell in between exits at once, so that the server is never our child: no signal of the terminal reaches it,
    and it leaves no zombie behind when it dies before us.
    """
    # "$@" keeps each argument as it is, whatever characters a path has.
    shell = ["/bin/sh", "-c", '"$@" </dev/null >&2 & echo $!', "sh", *arguments]
    with run_as(account, shell, directory, stdout=subprocess.PIPE, stderr=log) as started:
        pid, _ = started.communicate()
    if started.returncode:
        raise subprocess.CalledProcessError(started.returncode, shell)
    return int(pid)


def run_as(
    account: Account | None, arguments: Sequence[str], directory: Path, *, stdout: int | IO[bytes], stderr: int
) -> subprocess.Popen[bytes]:
    """Run a command as this account (None: as ourselves), in a session of its own. Its files are for it alone."""
    return subprocess.Popen(  # noqa: S603 (every caller's own binary and arguments)
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
        umask=0o077,
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


def stop(
    home: Path, server: str, process: Any, how: signal.Signals, look: Callable[[], ServerState], report: Report
) -> None:
    """Ask a server to end and wait until it has. Raises ServerNotReady when it is paused, or does not end in time."""
    if (state := look()).condition == "paused":
        raise not_ready(home, server, state)
    with suppress(psutil.NoSuchProcess):
        process.send_signal(how)
    wait = Wait(home, server, "end", report)
    while alive(process.pid):
        state = look()
        try:
            # It was asked to end whatever it answers; and it is down only when its process is gone.
            wait.go_on(ServerState("silent", process.pid) if state.condition in ("down", "locked", "ready") else state)
        except ServerNotReady as error:
            if error.condition == "paused":
                raise
            raise _does_not_end(home, server, process.pid) from None


def _does_not_end(home: Path, server: str, pid: int) -> ServerNotReady:
    return ServerNotReady(
        f"The embedded {NAMES[server]} under {home} (process {pid}) was asked to end and still runs",
        "It was not killed, and ends as soon as it gets to it",
        f"Wait, then run the command again; `kill -9 {pid}` ends it at once, and its next start reads its log again",
        service=server,
        pid=pid,
        condition="ending",
    )


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for a message."""
    try:
        return "; ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def failure(what: str, log: Path, service: str, advice: str = "") -> PikkitError:
    """The error of a server that failed: StoreFull where its log says so, else Unreachable with its last lines."""
    last_words = tail(log)
    if "No space left on device" in last_words:
        return StoreFull(
            f"{what}: no disk space left under {log.parent}",
            "Nothing was lost",
            "Free some space and run the command again",
            service=service,
        )
    next_step = f"The whole story is in {log}{f'. {advice}' if advice else ''}"
    return Unreachable(f"{what} ({last_words})", "Nothing was lost", next_step, service=service)
