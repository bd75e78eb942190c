"""Until when the rows of each view in Redis are asserted, and whose copy they are. One hash per project."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from feature_repo.online_store.layout import (
    COPY_OF,
    Mark,
    features_digest,
    instant_of_microseconds,
    marks_key,
    microseconds,
    unpack_mark,
)
from feature_repo.postgres.queries import feast_statement

if TYPE_CHECKING:
    from feast import FeatureView


class Marks(NamedTuple):
    """All that one project's hash says: whose copy its values are (None: nobody said so), and the mark of each view."""

    copy_of: str | None
    views: dict[str, Mark]


def read_marks(client: Any, project: str) -> Marks:
    """Everything at once. Raises redis.RedisError."""
    stored: dict[bytes, bytes] = client.hgetall(marks_key(project))
    owner = stored.pop(COPY_OF, None)
    unpacked = {name.decode(): unpack_mark(mark) for name, mark in stored.items()}
    return Marks(
        owner.decode() if owner is not None else None,
        {name: mark for name, mark in unpacked.items() if mark is not None},
    )


def copy_name(connection: psycopg.Connection) -> str:
    """What a copy of this store is called: after its first run, and the last that wrote history anew."""
    return "/".join(str(run_id) for (run_id,) in connection.execute(feast_statement("copy_name")))


def asserted_until(client: Any, project: str, view: FeatureView, name: str) -> datetime | None:
    """The mark of the view that is stored as `name`; None without one, or when it was set for other features."""
    mark = unpack_mark(client.hget(marks_key(project), name))
    return instant_of_microseconds(mark.asserted_until) if mark is not None and mark.features == _digest(view) else None


def assertion(project: str, view: FeatureView, name: str, until: datetime) -> tuple[Any, ...]:
    """The command that sets the mark: every key of the view stands in Redis as it held at `until`."""
    return "HSET", marks_key(project), name, Mark(microseconds(until), _digest(view)).packed()


def copy_of(client: Any, project: str) -> str | None:
    """Whose copy the project's values are; None when nobody said so."""
    owner = client.hget(marks_key(project), COPY_OF)
    return owner.decode() if owner is not None else None


def set_copy_of(client: Any, project: str, owner: str) -> None:
    """Note whose copy the project's values are."""
    client.hset(marks_key(project), COPY_OF, owner)


def _digest(view: FeatureView) -> bytes:
    return features_digest((field.name, str(field.dtype)) for field in view.features)
