"""Where exports, datasets and reports of the store were written, so that an erasure finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import psycopg

from feature_repo import clock
from feature_repo.errors import PikkitError
from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect, statement

FileKind = Literal["export", "dataset", "report"]


def record_written(postgres: Postgres, place: str, kind: FileKind, warn: Callable[[str], None]) -> None:
    """Remember that something of the store was written there. A role that may not write is told what follows."""
    try:
        with connect(postgres, purpose="record", autocommit=True) as connection:
            connection.execute(statement("record_written_file"), {"place": place, "kind": kind, "now": clock.now()})
    except (psycopg.Error, PikkitError) as error:
        warn(
            f"The store does not know of {place} ({type(error).__name__}): `pikkit forget` looks there only with "
            f"--in {place}."
        )


def written_files(connection: psycopg.Connection) -> dict[str, FileKind]:
    """The places, and what was written there."""
    return dict(connection.execute(statement("written_files")).fetchall())


def drop_written(connection: psycopg.Connection, place: str) -> None:
    """Forget a place where nothing of it stands any more."""
    connection.execute(statement("drop_written_file"), {"place": place})
