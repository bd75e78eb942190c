"""Processes of `pikkit`, `feast`, `python -c` without the seconds that importing takes: forked from one that imported.

A command gets a process of its own all the same, with its own arguments, environment, working directory, standard
streams and exit code, and leaves nothing in the test's process. What it does not get anew is what a Python process
settles before it runs anything (`PYTHON...` variables, what the system tells of it) and the modules that are imported
by then. Tests of those start a process by `subprocess`.

run_forked       run a command to the end, as `subprocess.run` does with its output captured
forked_command   start one, to be waited for or killed
forked_server    start one that serves, to be asked

`python -m tests.rigs.forked_commands SOCKET` is the process that is forked from, one for all test processes of a run.
It ends when its standard input does, with the last of them. Feast checks types in it, as where its own command starts.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import logging
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import IO, Final, NamedTuple

import ingestion
import training
from tests.rigs.processes import PATIENCE, free_port, listens, wait_until

# What each command calls, as its entry point in the environment does.
_ENTRY_POINTS: Final = {"pikkit": ("training.cli", "main"), "feast": ("feast.cli.cli", "cli")}
# What the commands import, beside every module of ingestion/ and training/. Nothing of feature_repo's declarations that
# Feast reads anew from the files.
_IMPORTED: Final = (
    "feast.cli.cli",
    "feast.infra.offline_stores.contrib.postgres_offline_store.postgres",
    "feast.infra.online_stores.redis",
    "feast.infra.registry.sql",
    "feast.repo_operations",
    "feature_repo.materialization.engine",
    "feature_repo.offline_store.store",
    "feature_repo.online_store.store",
    "feature_repo.provider",
    "narwhals._polars.dataframe",
    "openlineage.client.facet_v2",
    "sqlalchemy.dialects.postgresql",
    "typer._click.decorators",
)


@dataclass(frozen=True)
class ForkedCommand:
    """A command that was started, in the process `pid`."""

    command: list[str]
    pid: int
    _exit_code: IO[str]
    _out: IO[bytes]
    _err: IO[bytes]

    def send_signal(self, number: signal.Signals) -> None:
        """Send it the signal, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it by SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    @cached_property
    def _returned(self) -> int:
        return int(self._exit_code.readline())

    def poll(self) -> int | None:
        """Its exit code, or null while it runs."""
        return self._returned if select.select([self._exit_code], [], [], 0)[0] else None

    def printed(self) -> str:
        """What it has printed on standard output so far."""
        return _text(self._out)

    def complained(self) -> str:
        """What it has printed on standard error so far."""
        return _text(self._err)

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Its exit code (negative: the signal that ended it) and what it printed, once it has ended. Raises
        TimeoutExpired after PATIENCE.
        """
        try:
            exit_code = self._returned
        except TimeoutError:
            self.kill()
            raise subprocess.TimeoutExpired(self.command, PATIENCE) from None
        return subprocess.CompletedProcess(self.command, exit_code, _text(self._out), _text(self._err))


@contextmanager
def forked_command(
    program: str, arguments: Sequence[str | Path], *, environ: Mapping[str, str], cwd: Path
) -> Iterator[ForkedCommand]:
    """`pikkit`, `feast` or `python`, started with these arguments; of `python` only `-c PROGRAM ARGUMENT ...` is there.
    Its standard input is empty.
    """
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


class ForkedServer(NamedTuple):
    """A server that listens on a port of loopback, and the command that it is."""

    port: int
    command: ForkedCommand


@contextmanager
def forked_server(
    program: str, arguments: Sequence[str | Path], *, environ: Mapping[str, str], cwd: Path
) -> Iterator[ForkedServer]:
    """A server that this command starts, once it listens. It is asked to end afterwards.

    `{port}` in an argument stands for the port.
    """
    port = free_port()
    started = [str(argument).format(port=port) for argument in arguments]
    with forked_command(program, started, environ=environ, cwd=cwd) as forked:
        try:
            wait_until(lambda: forked.poll() is not None or listens(port))
            assert forked.poll() is None, forked.wait().stderr
            yield ForkedServer(port, forked)
        finally:
            forked.send_signal(signal.SIGTERM)
            forked.wait()


def _text(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()  # the process writes where a seek leads


@cache
def _server() -> str:
    """The socket of the process that is forked from. The first of a run's test processes that needs it starts it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    directory = Path(tempfile.gettempdir()) / f"pikkit-test-{run}"
    lifeline = directory / "lifeline"
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        process = None
        wait_until(lambda: _holds(lifeline))
    else:
        os.mkfifo(lifeline)
        with os.fdopen(os.open(lifeline, os.O_RDONLY | os.O_NONBLOCK)) as its_end:
            _holds(lifeline)
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.rigs.forked_commands", str(directory / "socket")],
                cwd=Path(__file__).parents[2],
                stdin=its_end,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C ends the test, and with it the process
            )
    wait_until((directory / "socket").exists, process)
    return str(directory / "socket")


def _holds(lifeline: Path) -> bool:
    """Open the pipe for as long as this process lives, if anybody is at its other end."""
    try:
        os.open(lifeline, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    return True


# ---- the process that is forked from -------------------------------------------------------------------------------


def _serve(path: Path) -> Callable[[], object]:
    """Fork a process for each request until standard input closes. Returns what is then to be done: in each of those
    processes its command, in this one nothing.
    """
    for package in (ingestion, training):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(".__main__"):
                importlib.import_module(module.name)
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
    if wanted["command"][0] == "python":
        _, _, text, *arguments = wanted["command"]
        sys.path[0], sys.argv = "", ["-c", *arguments]
        return partial(exec, compile(text, "<string>", "exec"), {"__name__": "__main__"})
    program = Path(sys.executable).with_name(wanted["command"][0])
    if program.name != "feast":
        # Importing Feast's command line sets up logging, which no other command does.
        logging.root.handlers.clear()
        logging.root.setLevel(logging.WARNING)
    sys.path[0], sys.argv = str(program.parent), [str(program), *wanted["command"][1:]]
    module, function = _ENTRY_POINTS[program.name]
    return getattr(importlib.import_module(module), function)


def _end(ended: SystemExit) -> None:
    """End as the interpreter does, except that it does not take apart what was imported: that would copy all of it."""
    if isinstance(ended.code, str):
        sys.stderr.write(f"{ended.code}\n")
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if isinstance(ended.code, str) else ended.code or 0)


if __name__ == "__main__":
    act = _serve(Path(sys.argv[1]))
    try:
        sys.exit(act())  # type: ignore[arg-type]
    except SystemExit as ended:
        _end(ended)
