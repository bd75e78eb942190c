"""A connection to Feast's SQL registry is used by the process that opened it, and by none that was forked from it.

`feast serve --workers 2` reads the registry before gunicorn forks its workers. Without this they share that connection,
read each other's answers, and a worker that does so while it starts ends the whole server.
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import Pool


def keep_connections_in_their_process() -> None:
    """From now on every pool of SQLAlchemy opens a connection of its own after a fork. May be called again."""
    if not event.contains(Pool, "connect", _remember):
        event.listen(Pool, "connect", _remember)
        event.listen(Pool, "checkout", _check)


def _remember(_: Any, record: Any) -> None:
    record.info["pid"] = os.getpid()


def _check(_: Any, record: Any, checked_out: Any) -> None:
    if record.info.get("pid", os.getpid()) != os.getpid():
        # Let go of, and not closed: the parent uses it. The pool then opens another one.
        record.dbapi_connection = checked_out.dbapi_connection = None
        raise DisconnectionError("the connection belongs to the process that this one was forked from")
