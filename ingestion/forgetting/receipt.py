"""What an erasure leaves: a receipt with the places that were searched and what was taken away there, and no name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from ingestion.database.access import statement
from ingestion.forgetting.keyed_digests import Kind
from ingestion.runs.record import Documented, code_version


@dataclass(frozen=True)
class PlaceCounts(Documented):
    """What an erasure found in one place."""

    #: A table or a column of one, `redis`, or a file.
    place: str
    #: Rows, keys or values that were looked at.
    searched: int
    #: Of these: taken away, or a name struck out of them.
    removed: int
    #: What was found afterwards; null where that could not be done yet.
    remaining: int | None
    #: What else is to be said of it.
    note: str | None = None


@dataclass(frozen=True)
class Receipt(Documented):
    """An erasure."""

    #: Random: it says nothing of what was forgotten.
    receipt_id: UUID
    #: Whether a bet was asked for, or a user.
    kind: Kind
    #: How many bets were forgotten.
    bets: int
    #: The run's clock.
    forgotten_at: datetime
    code_version: str
    places: Sequence[PlaceCounts]

    @property
    def removed(self) -> int:
        """What was taken away in all places."""
        return sum(place.removed for place in self.places)

    @property
    def remaining(self) -> int:
        """What is left in the places that were done."""
        return sum(place.remaining or 0 for place in self.places)

    @property
    def unfinished(self) -> list[str]:
        """The places that could not be done yet."""
        return [place.place for place in self.places if place.remaining is None]

    def document(self) -> dict[str, Any]:
        """The attributes, and the sums over all places."""
        document = asdict(self) | {"receipt_id": str(self.receipt_id), "forgotten_at": self.forgotten_at.isoformat()}
        return document | {"removed": self.removed, "remaining": self.remaining, "unfinished": self.unfinished}


@dataclass(frozen=True)
class FinishedPlaces(Documented):
    """What was left to do of earlier erasures, and what came of it."""

    places: Sequence[PlaceCounts]

    def document(self) -> dict[str, Any]:
        """The places, and the names of those that could not be done yet."""
        unfinished = [place.place for place in self.places if place.remaining is None]
        return {"places": [place.document() for place in self.places], "unfinished": unfinished}


def keep_receipt(
    connection: psycopg.Connection, receipt_id: UUID, run_id: UUID, kind: Kind, bets: int, now: datetime
) -> None:
    """Keep that there was an erasure. In its transaction."""
    params = {"receipt_id": receipt_id, "run_id": run_id, "kind": kind, "bets": bets, "now": now}
    connection.execute(statement("forget_receipt"), params | {"code_version": code_version()})


def keep_place(connection: psycopg.Connection, receipt_id: UUID, position: int, counts: PlaceCounts) -> None:
    """Keep what was found in one place, over what was kept under this position."""
    connection.execute(statement("forget_place"), {"receipt_id": receipt_id, "position": position, **asdict(counts)})
