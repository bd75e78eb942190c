"""The watermark of each view in Redis, and whose copy the values there are. One hash per project (layout.py)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from feature_repo.online_store.layout import (
    COPY_OF,
    OnlineWatermark,
    features_digest,
    instant_of_microseconds,
    microseconds,
    unpack_watermark,
    watermarks_key,
)
from feature_repo.postgres.queries import feast_statement

if TYPE_CHECKING:
    from feast import FeatureView


class OnlineWatermarks(NamedTuple):
    """All that one project's hash says.

    `copy_of`  whose copy the values are (`copy_name`); None: nobody said so
    `views`    view, as it is stored -> its watermark
    """

    copy_of: str | None
    views: dict[str, OnlineWatermark]


def read_watermarks(client: Any, project: str) -> OnlineWatermarks:
    """Everything at once. Raises redis.RedisError."""
    stored: dict[bytes, bytes] = client.hgetall(watermarks_key(project))
    owner = stored.pop(COPY_OF, None)
    unpacked = {view.decode(): unpack_watermark(packed) for view, packed in stored.items()}
    return OnlineWatermarks(
        owner.decode() if owner is not None else None,
        {view: watermark for view, watermark in unpacked.items() if watermark is not None},
    )


def copy_name(connection: psycopg.Connection) -> str:
    """What a copy of this store is called: after its first run, and the last that wrote history anew."""
    return "/".join(str(run_id) for (run_id,) in connection.execute(feast_statement("copy_name")))


def online_watermark(client: Any, project: str, view: FeatureView, name: str) -> datetime | None:
    """The watermark of the view that is stored as `name`; None without one, or when it was set for other features."""
    return instant_copied(unpack_watermark(client.hget(watermarks_key(project), name)), view)


def instant_copied(watermark: OnlineWatermark | None, view: FeatureView) -> datetime | None:
    """Up to when the view is copied by this watermark, which stands under its name; None as of `online_watermark`."""
    if watermark is None or watermark.features != _digest(view):
        return None
    return instant_of_microseconds(watermark.instant)


def watermark_command(project: str, view: FeatureView, name: str, until: datetime) -> tuple[Any, ...]:
    """The command that moves the watermark to `until`: every key of the view stands in Redis as it held then."""
    return "HSET", watermarks_key(project), name, OnlineWatermark(microseconds(until), _digest(view)).packed()


def copy_of(client: Any, project: str) -> str | None:
    """Whose copy the project's values are; None when nobody said so."""
    owner = client.hget(watermarks_key(project), COPY_OF)
    return owner.decode() if owner is not None else None


def set_copy_of(client: Any, project: str, owner: str) -> None:
    """Note whose copy the project's values are."""
    client.hset(watermarks_key(project), COPY_OF, owner)


def _digest(view: FeatureView) -> bytes:
    return features_digest((field.name, str(field.dtype)) for field in view.features)
