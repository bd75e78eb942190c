"""Where Postgres and Redis are, read from the environment, and what Feast must be told about them.

External   POSTGRES_HOST, POSTGRES_DATABASE, POSTGRES_USER, POSTGRES_PASSWORD and REDIS_URL are set
           (POSTGRES_PORT and POSTGRES_SSLMODE may be)
Embedded   none of them is set: the private servers under PIKKIT_HOME (default `.pikkit`), which `pikkit up` starts

`pikkit env` exports the embedded servers' POSTGRES_HOST too, for Feast's sake. It is known by its socket directory,
so that a shell which has those exports still means the embedded servers.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from dotenv import dotenv_values

from feature_repo.servers.private_files import read_private, refuse_unsafe_home

REQUIRED = ("POSTGRES_HOST", "POSTGRES_DATABASE", "POSTGRES_USER", "POSTGRES_PASSWORD", "REDIS_URL")
OPTIONAL_VARIABLES = {"POSTGRES_PORT": "5432", "POSTGRES_SSLMODE": "prefer"}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
REGISTRY_SCHEMA = "feast"
# What the Feast project is called: feature_store.yaml says the same, and keys in Redis end with it.
PROJECT = "pikkit"
# Seconds that a statement waits for a lock. An open transaction of somebody else would otherwise block a run for ever,
# and every later statement that waits behind the run's.
LOCK_PATIENCE: Final = 20.0

# libpq splits hosts at commas, Feast and SQLAlchemy build URLs of them: only letters that mean nothing to any of them.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._+@~-]*")
# The kernel's limit for a socket's path is 103 bytes on macOS and 107 on Linux, with `/.s.PGSQL.5432` at its end.
_LONGEST_SOCKET_DIRECTORY = 103 - len("/.s.PGSQL.5432")


class ConnectionsUnknown(Exception):
    """The environment does not say where the stores are."""


class SettingsUnusable(ConnectionsUnknown):
    """Settings of external stores are missing or wrong: `problems` has every one of them with its reason."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in problems.items()))
        self.problems = dict(problems)


class NotRunning(ConnectionsUnknown):
    """The embedded servers under `home` were never started, or have stopped."""

    def __init__(self, home: Path) -> None:
        super().__init__(f"the embedded servers under {home} are not running; start them with `pikkit up`")
        self.home = home


def milliseconds(seconds: float) -> str:
    """So many seconds as a setting of Postgres takes them, such as lock_timeout: 0.2 is `200ms`."""
    return f"{seconds * 1000:.0f}ms"


@dataclass(frozen=True)
class Postgres:
    """A Postgres database. `host` is a name, an address, or the directory of a Unix socket."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    sslmode: str = "prefer"

    @property
    def address(self) -> str:
        """How messages name it: no user, no password."""
        return f"{self.host}:{self.port}/{self.database}"

    @property
    def conninfo(self) -> dict[str, Any]:
        """Keyword arguments of `psycopg.connect`."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            "sslmode": self.sslmode,
        }

    @property
    def sqlalchemy_url(self) -> str:
        """For Feast's SQL registry: new tables go to, and are looked up in, the schema `feast`. Waits have an end."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        query = {
            "host": self.host,
            "port": self.port,
            "sslmode": self.sslmode,
            "options": f"-csearch_path={REGISTRY_SCHEMA} -clock_timeout={milliseconds(LOCK_PATIENCE)}",
            "connect_timeout": 10,
        }
        return f"postgresql+psycopg://{login}@/{quote(self.database, safe='')}?{urlencode(query, quote_via=quote)}"


@dataclass(frozen=True)
class Redis:
    """A Redis logical database, as `redis://[user:password@]host[:port][/number]`, `rediss://` with TLS."""

    url: str = field(repr=False)

    @property
    def address(self) -> str:
        """How messages name it: no user, no password."""
        return f"{self.host}:{self.port}/{self.number}"

    @property
    def host(self) -> str:
        """The server's name or address."""
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> int:
        """The server's TCP port."""
        return urlsplit(self.url).port or 6379

    @property
    def number(self) -> int:
        """The number of the logical database."""
        return int(urlsplit(self.url).path.strip("/") or 0)

    @property
    def password(self) -> str | None:
        """The password, decoded."""
        password = urlsplit(self.url).password
        return unquote(password) if password else None

    @property
    def feast_connection_string(self) -> str:
        """Feast's own spelling: `host:port,db=0,password=...`."""
        parts = urlsplit(self.url)
        options = {"db": str(self.number)}
        if parts.username:
            options["username"] = _as_feast_reads(unquote(parts.username))
        if self.password:
            options["password"] = _as_feast_reads(self.password)
        if parts.scheme == "rediss":
            options["ssl"] = "true"
        options |= parse_qsl(parts.query)
        return ",".join([f"{self.host}:{self.port}", *(f"{name}={value}" for name, value in options.items())])


@dataclass(frozen=True)
class Connections:
    """Both stores, and whether they are the embedded ones."""

    postgres: Postgres
    redis: Redis
    embedded: bool


def environment_over_dotenv() -> dict[str, str]:
    """The environment over the `.env` of the working directory. A `.env` is read as it stands: a `$` is a dollar."""
    try:
        written = dotenv_values(".env", interpolate=False)
    except UnicodeDecodeError as error:
        raise SettingsUnusable({".env": f"not UTF-8 at byte {error.start}"}) from None
    return {name: value for name, value in written.items() if value is not None} | dict(os.environ)


def home(environ: Mapping[str, str]) -> Path:
    """The directory of everything that the embedded servers keep, absolute."""
    given = environ.get("PIKKIT_HOME", "").strip() or ".pikkit"
    return Path(os.path.abspath(os.path.expanduser(given)))  # noqa: PTH100, PTH111 (resolve would follow links)


def socket_directory(home: Path) -> Path:
    """Where the embedded Postgres of this home listens: its data directory, or a short name where that is unfit."""
    data = home / "postgres"
    if _PLAIN_PATH.fullmatch(str(data)) and len(str(data)) <= _LONGEST_SOCKET_DIRECTORY:
        return data
    # Not the TMPDIR of the moment: every process that means this home must arrive at the same name.
    return Path("/tmp") / f"pikkit-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"  # noqa: S108


def external(environ: Mapping[str, str]) -> Connections | None:
    """The stores that the settings name, or None when they name none, which means the embedded servers."""
    given = {name: environ[name].strip() for name in (*REQUIRED, *OPTIONAL_VARIABLES) if environ.get(name, "").strip()}
    if not given or given.get("POSTGRES_HOST") == str(socket_directory(home(environ))):
        return None
    if "POSTGRES_PASSWORD" in environ:  # verbatim; and empty is a password too, for a server that asks for none
        given["POSTGRES_PASSWORD"] = environ["POSTGRES_PASSWORD"]
    settings = OPTIONAL_VARIABLES | given
    if problems := _problems(settings):
        raise SettingsUnusable(problems)
    postgres = Postgres(
        host=settings["POSTGRES_HOST"],
        port=int(settings["POSTGRES_PORT"]),
        database=settings["POSTGRES_DATABASE"],
        user=settings["POSTGRES_USER"],
        password=settings["POSTGRES_PASSWORD"],
        sslmode=settings["POSTGRES_SSLMODE"],
    )
    return Connections(postgres=postgres, redis=Redis(settings["REDIS_URL"]), embedded=False)


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


def feast_environment(connections: Connections) -> dict[str, str]:
    """Every variable that `feature_store.yaml` names, with its value."""
    postgres = connections.postgres
    return {
        "POSTGRES_HOST": postgres.host,
        "POSTGRES_PORT": str(postgres.port),
        "POSTGRES_DATABASE": postgres.database,
        "POSTGRES_USER": postgres.user,
        "POSTGRES_PASSWORD": postgres.password,
        "POSTGRES_SSLMODE": postgres.sslmode,
        "FEAST_REGISTRY_URL": postgres.sqlalchemy_url,
        "FEAST_REDIS_CONNECTION": connections.redis.feast_connection_string,
        "FEAST_USAGE": "False",
    }


def _problems(settings: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each setting. Never shows a value: it may be a secret in the wrong place."""
    problems = dict.fromkeys((name for name in REQUIRED if name not in settings), "not set")
    if not _is_port(settings["POSTGRES_PORT"]):
        problems["POSTGRES_PORT"] = "a port is a number from 1 to 65535"
    if settings["POSTGRES_SSLMODE"] not in SSL_MODES:
        problems["POSTGRES_SSLMODE"] = f"one of {', '.join(SSL_MODES)}"
    if "REDIS_URL" in settings and not _is_redis_url(settings["REDIS_URL"]):
        # Feast splits its connection string at colons, so it cannot take an IPv6 address.
        problems["REDIS_URL"] = "write redis://[user:password@]host[:port][/number], rediss:// for TLS; no IPv6 address"
    return problems


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def _is_redis_url(url: str) -> bool:
    try:
        scheme, host, redis = urlsplit(url).scheme, urlsplit(url).hostname, Redis(url)
        return (
            scheme in ("redis", "rediss")
            and bool(host)
            and ":" not in redis.host
            and min(redis.port, redis.number) >= 0
        )
    except ValueError:
        return False


def _as_feast_reads(text: str) -> str:
    """A text as Feast reads it back: it splits at commas, then tries JSON, and a password such as `1e5` is JSON too.

    Quoted JSON without `,`, `'` and `$` survives Feast's split, a single-quoted YAML string, and the replacement of
    variables that Feast does before it reads its YAML.
    """
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", text) and text not in ("true", "false", "null", "NaN", "Infinity"):
        return text
    escaped = json.dumps(text)
    for character in ",'$":
        escaped = escaped.replace(character, f"\\u{ord(character):04x}")
    return escaped
