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

VIEWER: Final = "pikkit_viewer"
# Reads and transactions of reads, but nothing that slows the server down for others, such as KEYS.
REDIS_RIGHTS: Final = ("+@read", "+@connection", "+@transaction", "-@dangerous")
# In the home: the viewer's password for Redis. Postgres asks for none on its private socket.
_KEPT_IN: Final = "redis-viewer"


def viewer_connections(home: Path, connections: Connections) -> Connections:
    """The same stores as the viewer sees them. Creates the viewer in both, or gives it back what rights it had.

    The embedded servers run, and the store is migrated and applied.
    """
    import redis

    password = viewer_password(home)
    if password is None:
        password = f"r{secrets.token_hex(24)}"
        write_private(home / _KEPT_IN, password)
    with (
        postgres_errors(f"Postgres at {connections.postgres.address}"),
        connect(connections.postgres, purpose="env", autocommit=True) as connection,
    ):
        connection.execute(statement("viewer_role"))
    with redis.Redis.from_url(connections.redis.url) as client:
        client.execute_command("ACL", "SETUSER", *viewer_rule(password))
    address = connections.redis
    return replace(
        connections,
        postgres=replace(connections.postgres, user=VIEWER),
        redis=Redis(f"redis://{VIEWER}:{password}@{address.host}:{address.port}/{address.number}"),
    )


def viewer_password(home: Path) -> str | None:
    """The viewer's password for Redis; null where nobody wanted a viewer yet."""
    try:
        return read_private(home / _KEPT_IN)
    except FileNotFoundError:
        return None


def viewer_rule(password: str) -> tuple[str, ...]:
    """The viewer, as Redis' ACL SETUSER and its configuration take it."""
    return (VIEWER, "reset", "on", f">{password}", "~*", *REDIS_RIGHTS)
