"""Errors of Postgres in our words: of a store, as errors of feature_repo/errors.py.

A Postgres that bets are read from is somebody else's, and is asked again: ingestion/sources/postgres/.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors

from feature_repo.errors import ConfigurationError, LockHeld, StoreFull, Unreachable
from feature_repo.servers.connections import LOCK_PATIENCE

# Classes of SQLSTATE codes that report trouble of the server, not of the statement: connection lost (08), login refused
# (28), no such database (3D), out of connections or memory (53), shutting down (57P0x), disk trouble (58).
_SERVER_TROUBLE: Final = ("08", "28", "3D", "53", "57P0", "58")
_UNDONE: Final = "What was not committed is undone"


@contextmanager
def postgres_errors(service: str = "Postgres") -> Iterator[None]:
    """Raise psycopg's errors as ours; `service` is how messages name the server.

    A lock that was not to be had in LOCK_PATIENCE becomes LockHeld, a full disk StoreFull, a missing right
    ConfigurationError, a server that does not answer or refuses the login Unreachable. Any other trouble with a
    statement is a bug, or for the caller to explain, and passes as it is.
    """
    try:
        yield
    except errors.LockNotAvailable as error:
        raise LockHeld(
            f"{service} has a lock that another session holds, and this waited {LOCK_PATIENCE:.0f} s for it "
            f"({error.diag.message_primary})",
            _UNDONE,
            "`pikkit doctor` names open transactions; end the one that holds it, then try again",
            holder="another session of the database",
        ) from error
    except errors.DiskFull as error:
        raise StoreFull(
            f"{service} has no disk space left ({server_message(error)})",
            _UNDONE,
            "Free some space and run the command again",
            service=service,
        ) from error
    except errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"{service} refuses what this needs ({server_message(error)})",
            _UNDONE,
            "`pikkit doctor` tells which rights POSTGRES_USER lacks",
        ) from error
    except psycopg.OperationalError as error:
        # libpq gives no code for a connection that could not be made.
        if error.sqlstate is not None and not error.sqlstate.startswith(_SERVER_TROUBLE):
            raise
        raise Unreachable(
            f"{service} does not answer ({server_message(error)})",
            _UNDONE,
            "`pikkit doctor` tells which setting or server is at fault; then run the command again",
            service=service,
        ) from error


def server_message(error: psycopg.Error) -> str:
    """What the server says of an error, in one line. libpq never puts a password into it."""
    text = error.diag.message_primary or str(error)
    return "; ".join(line.strip() for line in text.splitlines() if line.strip()) or type(error).__name__
