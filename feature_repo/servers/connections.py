"""Where Postgres and Redis are: addresses as values, in every spelling that somebody needs.

environment.py reads them from the environment, embedded_servers.py finds those of the embedded servers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

REGISTRY_SCHEMA = "feast"
# What the Feast project is called: feature_store.yaml says the same, and keys in Redis end with it.
PROJECT = "pikkit"
# Seconds that a statement waits for a lock. An open transaction of somebody else would otherwise block a run for ever,
# and every later statement that waits behind the run's.
LOCK_PATIENCE: Final = 20.0


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
