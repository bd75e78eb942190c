"""Access to the embedded servers that can only look: for `feast ui`, which deletes views at the press of a button.

The servers refuse whatever would change something, so it does not matter what a program asks for. It keeps nobody out
who can read the home: they have the password of the servers themselves.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Final

from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Connections, Redis
from feature_repo.servers.private_files import read_private, write_private
from ingestion.database.access import connect, statement

READER: Final = "pikkit_reader"
# Reads and transactions of reads, but nothing that slows the server down for others, such as KEYS.
REDIS_RIGHTS: Final = ("+@read", "+@connection", "+@transaction", "-@dangerous")
# In the home: the reader's password for Redis. Postgres asks for none on its private socket.
_KEPT_IN: Final = "redis-reader"


def reader_connections(home: Path, connections: Connections) -> Connections:
    """The same stores as the reader sees them. Creates the reader in both, or gives it back what rights it had.

    The embedded servers run, and the store is migrated and applied.
    """
    import redis

    password = reader_password(home)
    if password is None:
        password = f"r{secrets.token_hex(24)}"
        write_private(home / _KEPT_IN, password)
    with (
        postgres_errors(f"Postgres at {connections.postgres.address}"),
        connect(connections.postgres, purpose="env", autocommit=True) as connection,
    ):
        connection.execute(statement("reader_role"))
    with redis.Redis.from_url(connections.redis.url) as client:
        client.execute_command("ACL", "SETUSER", *reader_rule(password))
    address = connections.redis
    return replace(
        connections,
        postgres=replace(connections.postgres, user=READER),
        redis=Redis(f"redis://{READER}:{password}@{address.host}:{address.port}/{address.number}"),
    )


def reader_password(home: Path) -> str | None:
    """The reader's password for Redis; null where nobody wanted a reader yet."""
    try:
        return read_private(home / _KEPT_IN)
    except FileNotFoundError:
        return None


def reader_rule(password: str) -> tuple[str, ...]:
    """The reader, as Redis' ACL SETUSER and its configuration take it."""
    return (READER, "reset", "on", f">{password}", "~*", *REDIS_RIGHTS)
