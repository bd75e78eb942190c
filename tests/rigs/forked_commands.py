"""Processes of `pikkit` and `feast` without the seconds that Feast takes to import: forked from one that imported it.

A command gets a process of its own all the same, with its own arguments, environment, working directory, standard
streams and exit code, and leaves nothing in the test's process. What it does not get anew is what a Python process
settles before it runs anything (`PYTHON...` variables, what the system tells of it) and the modules that are imported
by then. Tests of those start a process by `subprocess`.

run_forked       run a command to the end, as `subprocess.run` does with its output captured
forked_command   start one, to be waited for or killed

`python -m tests.rigs.forked_commands SOCKET` is the process that is forked from. It ends when its standard input does.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

from tests.rigs.processes import PATIENCE, wait_until

# What each command calls, as its entry point in the environment does.
_ENTRY_POINTS: Final = {"pikkit": ("training.cli", "main"), "feast": ("feast.cli.cli", "cli")}
# What the commands import. Nothing of feature_repo's declarations: Feast reads those anew from the files.
_IMPORTED: Final = (
    "feast.cli.cli",
    "feast.infra.offline_stores.contrib.postgres_offline_store.postgres",
    "feast.infra.online_stores.redis",
    "feast.infra.registry.sql",
    "feast.repo_operations",
    "ingestion.pipeline",
    "training.cli",
)


@dataclass(frozen=True)
class ForkedCommand:
    """A command that was started, in the process `pid`."""

    command: list[str]
    pid: int
    _exit_code: IO[str]
    _out: IO[bytes]
    _err: IO[bytes]

    def kill(self) -> None:
        """End it by SIGKILL, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Its exit code (negative: the signal that ended it) and what it printed, once it has ended. Raises
        TimeoutExpired after PATIENCE.
        """
        try:
            exit_code = int(self._exit_code.readline())
        except TimeoutError:
            self.kill()
            raise subprocess.TimeoutExpired(self.command, PATIENCE) from None
        return subprocess.CompletedProcess(self.command, exit_code, _text(self._out), _text(self._err))


@contextmanager
def forked_command(
    program: str, arguments: Sequence[str | Path], *, environ: Mapping[str, str], cwd: Path
) -> Iterator[ForkedCommand]:
    """`pikkit` or `feast`, started with these arguments. Its standard input is empty."""
    command = [program, *map(str, arguments)]
    with (
        tempfile.TemporaryFile() as request,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        socket.socket(socket.AF_UNIX) as client,
    ):
        request.write(json.dumps({"command": command, "environ": dict(environ), "cwd": str(cwd)}).encode())
        request.flush()
        client.settimeout(PATIENCE)
        client.connect(_server())
        socket.send_fds(client, [b"."], [request.fileno(), out.fileno(), err.fileno()])
        with client.makefile() as answers:
            yield ForkedCommand(command, int(answers.readline()), answers, out, err)


def run_forked(
    program: str, arguments: Sequence[str | Path], *, environ: Mapping[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    """The same, run to the end."""
    with forked_command(program, arguments, environ=environ, cwd=cwd) as forked:
        return forked.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@cache
def _server() -> str:
    """The socket of the process that is forked from, which is started once and ends with this one."""
    path = Path(tempfile.mkdtemp(prefix="pikkit-test-")) / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.rigs.forked_commands", str(path)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C ends the test, and with it the process
    )
    atexit.register(process.communicate)  # closes its standard input, and waits
    wait_until(path.exists, process)
    return str(path)


# ---- the process that is forked from -------------------------------------------------------------------------------


def _serve(path: Path) -> Callable[[], object]:
    """Fork a process for each request until standard input closes. Returns what is then to be done: in each of those
    processes its command, in this one nothing.
    """
    for module in _IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # or the first collection in each process would copy all of this memory
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path.with_name("bound")))
        server.listen(100)
        path.with_name("bound").rename(path)
        while select.select([server, sys.stdin], [], [])[0] == [server]:
            connection, _ = server.accept()
            with connection:
                if os.fork() == 0:
                    return _command(connection)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG) != (0, 0):
                    pass
    shutil.rmtree(path.parent)
    with suppress(ChildProcessError):
        while os.waitpid(-1, 0):
            pass
    return lambda: None


def _command(connection: socket.socket) -> Callable[[], object]:
    """The requested command, in a process that is set up for it. The process in between tells its pid and exit code."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    if pid := os.fork():
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        with suppress(BrokenPipeError):  # whoever asked has ended
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    request, out, err = descriptors
    os.lseek(request, 0, os.SEEK_SET)
    with os.fdopen(request) as file:
        wanted = json.load(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, standard in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environ"])
    time.tzset()
    program = Path(sys.executable).with_name(wanted["command"][0])
    sys.path[0], sys.argv = str(program.parent), [str(program), *wanted["command"][1:]]
    module, function = _ENTRY_POINTS[program.name]
    return getattr(importlib.import_module(module), function)


if __name__ == "__main__":
    act = _serve(Path(sys.argv[1]))
    sys.exit(act())
