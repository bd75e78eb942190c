"""Processes that tests start, and waiting for them.

Limits here only end what hangs: a test never fails because the machine is slow. They are shorter than pytest's own
limit for a test, so that what hangs is named.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import psutil

PATIENCE: Final = 600.0  # seconds
_GRACE: Final = 60.0  # seconds; what takes longer to end is killed, which no test minds


class Process(Protocol):
    """A process that was started: of subprocess.Popen, or of tests/rigs/forked_commands.py."""

    def poll(self) -> int | None:
        """Its exit code, or null while it runs."""


def wait_until(holds: Callable[[], object], process: Process | None = None) -> None:
    """Wait until `holds()` is true. AssertionError when it never is, or when the process ends before."""
    limit = time.monotonic() + PATIENCE
    while not holds():
        assert process is None or process.poll() is None, f"the process has ended with {process.poll()}"
        assert time.monotonic() < limit, f"not within {PATIENCE:g} s"
        time.sleep(0.01)


def free_port() -> int:
    """A port of loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen[Any]) -> None:
    """Ask the process to end, and kill it with its children when it takes long."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()


@contextmanager
def serving(command: Sequence[str], directory: Path, environ: Mapping[str, str]) -> Iterator[int]:
    """The port of a server that this command starts in the directory, and that listens. It is ended afterwards.

    `{port}` in the command stands for the port. What the server says is in `server.log` there.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = directory / "server.log"
    with log.open("wb") as output:
        started = [part.format(port=port) for part in command]
        process = subprocess.Popen(started, cwd=directory, env=environ, stdout=output, stderr=output)
    try:
        wait_until(lambda: process.poll() is not None or listens(port))
        assert process.poll() is None, log.read_text()
        yield port
    finally:
        end(process)


def listens(port: int) -> bool:
    """Whether somebody listens on this port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except OSError:
        return False
    return True
