"""What the embedded servers of a home are doing, found out within seconds and without a change to anything.

A server is found by its pid file and by its working directory, which both servers make their data directory. A pid
alone proves nothing: after a crash or a reboot it may belong to any other process.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from feature_repo.errors import ServerNotReady, Unreachable
from feature_repo.servers.connections import Connections, Postgres, Redis
from feature_repo.servers.private_files import read_private, refuse_unsafe_home

# The file that tells the process of each server, in the server's directory, which is called as the server is.
PID_FILES: Final = {"redis": "redis.pid", "postgres": "postmaster.pid"}
NAMES: Final = {"postgres": "PostgreSQL", "redis": "Redis"}
# Seconds for one question. A healthy server answers in milliseconds.
ANSWER: Final = 5.0

# down      no process of this home's      ready     it answers           starting  it says that it is not ready yet
# paused    stopped by a signal            locked    another password     silent    it runs and does not answer
Condition = Literal["down", "paused", "starting", "ready", "locked", "silent"]

# libpq splits hosts at commas, Feast and SQLAlchemy build URLs of them: only letters that mean nothing to any of them.
_PLAIN_PATH: Final = re.compile(r"/[A-Za-z0-9/._+@~-]*")
# The kernel's limit for a socket's path is 103 bytes on macOS and 107 on Linux, with `/.s.PGSQL.5432` at its end.
_LONGEST_SOCKET_DIRECTORY: Final = 103 - len("/.s.PGSQL.5432")
_LOCKED: Final = (b"-WRONGPASS", b"-NOAUTH", b"-ERR AUTH", b"-ERR invalid password")


@dataclass(frozen=True)
class ServerState:
    """One look at a server. `pid` is 0 when it is down; `detail` has its own words, or how far it is."""

    condition: Condition
    pid: int
    detail: str = ""


def embedded_at(home: Path) -> Connections:
    """The embedded servers of this home, when both answer.

    Raises Unreachable when one is down, ServerNotReady when one runs and cannot be used, HomeUnsafe.
    """
    connections = recorded(home)
    states = server_states(home, connections) if connections else {}
    if connections is None or any(state.condition == "down" for state in states.values()):
        raise Unreachable(
            f"The embedded servers under {home} are not running",
            "Nothing was done",
            "Start them with `pikkit up`",
            service="embedded servers",
        )
    for server, state in states.items():
        if state.condition != "ready":
            raise not_ready(home, server, state)
    return connections


def recorded(home: Path) -> Connections | None:
    """What `pikkit up` last wrote down about the servers of this home, running or not.

    Raises HomeUnsafe when others can have written it, or could replace the home.
    """
    refuse_unsafe_home(home)
    try:
        services = json.loads(read_private(home / "services.json"))
        return Connections(Postgres(**services["postgres"]), Redis(**services["redis"]), embedded=True)
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
        return None


def socket_directory(home: Path) -> Path:
    """Where the embedded Postgres of this home listens: its data directory, or a short name where that is unfit."""
    data = home / "postgres"
    if _PLAIN_PATH.fullmatch(str(data)) and len(str(data)) <= _LONGEST_SOCKET_DIRECTORY:
        return data
    # Not the TMPDIR of the moment: every process that means this home must arrive at the same name.
    return Path("/tmp") / f"pikkit-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"  # noqa: S108


def server_states(home: Path, connections: Connections) -> dict[str, ServerState]:
    """What `postgres` and `redis` of this home are doing."""
    return {"postgres": postgres_state(home, connections.postgres), "redis": redis_state(home, connections.redis)}


def postgres_state(home: Path, postgres: Postgres) -> ServerState:
    """What the PostgreSQL of this home is doing."""
    if (state := _stopped(home / "postgres", PID_FILES["postgres"])).condition != "silent":
        return state
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import PGconn, Ping

    conninfo = make_conninfo(**postgres.conninfo, connect_timeout=math.ceil(ANSWER))
    answer = PGconn.ping(conninfo.encode())
    conditions: dict[int, Condition] = {Ping.OK: "ready", Ping.REJECT: "starting"}
    return ServerState(conditions.get(answer, "silent"), state.pid)


def redis_state(home: Path, redis: Redis) -> ServerState:
    """What the Redis of this home is doing. Nobody but a process of this home is sent the password."""
    if (state := _stopped(home / "redis", PID_FILES["redis"])).condition != "silent":
        return state
    condition, detail = ask_redis(redis)
    return ServerState(condition, state.pid, detail)


def ask_redis(redis: Redis) -> tuple[Condition, str]:
    """What the server at this address answers to its password, and its own words or how much it has read."""
    password = (redis.password or "").encode()
    request = b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\nPING\r\n" % (len(password), password)
    try:
        with socket.create_connection((redis.host, redis.port), timeout=ANSWER) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as replies:
                login, answer = replies.readline(), replies.readline()
                if login.startswith(_LOCKED):
                    return "locked", _words(login)
                if login != b"+OK\r\n" or not answer:
                    return "silent", _words(login)
                if not answer.startswith(b"-LOADING"):
                    return "ready", ""
                connection.sendall(b"INFO persistence\r\n")
                size = int(replies.readline().removeprefix(b"$"))
                return "starting", _progress(replies.read(size))
    except (OSError, ValueError):
        return "silent", ""


def find_server(directory: Path, pid_file: str) -> Any:
    """The live process (psutil) of the server of this data directory, if there is one and it is ours to see."""
    import psutil  # type: ignore[import-untyped]

    try:
        process = psutil.Process(int((directory / pid_file).read_text().split(maxsplit=1)[0]))
        return process if Path(process.cwd()) == directory.resolve() else None
    except (OSError, IndexError, ValueError, psutil.Error):
        return None


def is_paused(process: Any) -> bool:
    """Whether a signal or a debugger holds this process (psutil)."""
    import psutil

    try:
        return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def not_ready(home: Path, server: str, state: ServerState, seconds: float = ANSWER) -> ServerNotReady:
    """The error for a server that runs and cannot be used. `seconds` is how long it was waited for."""
    pid, log = state.pid, home / f"{server}.log"
    again = "then run the command again"
    words = f" ({state.detail})" if state.detail else ""
    reason, next_step = {
        "paused": ("is paused: a signal such as SIGSTOP holds it", f"Let it go on with `kill -CONT {pid}`, {again}"),
        "starting": (f"is not ready yet{words}", f"It goes on by itself: wait, {again}. {log} says what it does"),
        "locked": (
            f"refuses the password that {home / 'redis' / 'redis.conf'} has{words}",
            "Give it that password again, or restart it with that one: `pikkit down`, then `pikkit up`",
        ),
    }.get(
        state.condition,
        (
            f"runs and has not answered for {seconds:.0f} s{words}",
            f"{log} may say why. `pikkit down` asks it to end, and the next command starts it again",
        ),
    )
    return ServerNotReady(
        f"The embedded {NAMES[server]} under {home} (process {pid}) {reason}",
        "It was left as it is; what it keeps is whole",
        next_step,
        service=server,
        pid=pid,
        condition=state.condition,
    )


def _stopped(directory: Path, pid_file: str) -> ServerState:
    """Down or paused, as far as the system knows; silent when only the server itself can tell more."""
    process = find_server(directory, pid_file)
    if process is None:
        return ServerState("down", 0)
    return ServerState("paused" if is_paused(process) else "silent", process.pid)


def _words(reply: bytes) -> str:
    return reply.decode(errors="replace").strip().removeprefix("-")


def _progress(info: bytes) -> str:
    """How much of its data a Redis has read, from its INFO."""
    values = dict(line.split(":", 1) for line in info.decode(errors="replace").splitlines() if ":" in line)
    return f"{float(values.get('loading_loaded_perc', 0)):.0f} % of its data is read"
