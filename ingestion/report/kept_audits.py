"""The audits of training sets that are on record: the newest of each service. `pikkit audit` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row

from ingestion.database.access import statement

# clean       nothing was found
# leak        something was
# alarm       a score says that there may be something
# blind       the look could not have found anything: no proof
# shown       for comparison; nothing follows from it
# not judged  there was nothing to look at
AuditState = Literal["clean", "leak", "alarm", "blind", "shown", "not judged"]


@dataclass(frozen=True)
class KeptAudit:
    """An audit as ops.audits has it."""

    service: str
    #: The clock.
    audited_at: datetime
    log_position: int
    #: What the features had read of the log when this was read.
    log_position_now: int
    is_clean: bool
    #: The verdict.
    sentence: str
    #: name, state, looked_at, found, sentence and seconds of each check, as the code of that time wrote them.
    checks: Sequence[Mapping[str, Any]]


def newest_audits(connection: psycopg.Connection) -> list[KeptAudit]:
    """The newest audit of each service, by the names of the services."""
    with connection.cursor(row_factory=class_row(KeptAudit)) as cursor:
        return cursor.execute(statement("newest_audits")).fetchall()
