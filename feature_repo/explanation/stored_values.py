"""What is stored of a view: the change row that held at an instant, and what stands in Redis now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from feature_repo.declarations.views import BetView, GroupedView
from feature_repo.explanation.result import ReadStatus
from feature_repo.online_store.freshness import as_of, is_outside
from feature_repo.online_store.layout import (
    entity_key,
    feature_field,
    instant_of_microseconds,
    key_prefix,
    microseconds,
    timestamp_field,
    unpack_watermark,
    watermarks_key,
)
from feature_repo.online_store.protobuf import decode_instant, decode_plain
from feature_repo.postgres.queries import feast_statement
from feature_repo.servers.connections import PROJECT

StoredView = GroupedView | BetView


@dataclass(frozen=True)
class ServedRow:
    """What a view says of a key. `row` and `changed_at` are of its newest row, `until` is up to when that is known to
    hold, and `status` is not PRESENT where it must not be served: `values` are null then.
    """

    status: ReadStatus
    row: dict[str, Any]
    changed_at: datetime | None = None
    until: datetime | None = None
    #: The run that wrote the row; of Postgres only.
    run_id: UUID | None = None

    @property
    def values(self) -> dict[str, Any]:
        """Feature -> what is served."""
        return self.row if self.status == "PRESENT" else dict.fromkeys(self.row)

    def status_of(self, feature: str) -> ReadStatus:
        """Why the feature is what it is."""
        return "NULL_VALUE" if self.status == "PRESENT" and self.row[feature] is None else self.status


class FeatureChange(NamedTuple):
    """The change row from which on a feature has had its value, and the run that wrote it."""

    event_timestamp: datetime
    run_id: UUID


# ---- offline -------------------------------------------------------------------------------------------------------


def offline_row(connection: psycopg.Connection, view: StoredView, key: str, at: datetime) -> ServedRow:
    """What the view says of a key as of an instant, as a training frame has it."""
    query = sql.SQL(feast_statement("change_row_at")).format(
        **_names(view), holds=_holds(view), features=sql.SQL(", ").join(map(sql.Identifier, view.features))
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, {"key": key, "at": at}).fetchone()
    if row is None:
        return ServedRow("NOT_FOUND", dict.fromkeys(view.features))
    changed_at, watermark, holds = row["changed_at"], row["features_watermark"], row["holds"]
    is_carried = isinstance(view, GroupedView) and watermark is not None
    until = min(at, max(changed_at, watermark)) if is_carried else changed_at
    values = {feature: row[feature] for feature in view.features}
    return ServedRow("PRESENT" if holds else "OUTSIDE_MAX_AGE", values, changed_at, until, row["run_id"])


def _holds(view: StoredView) -> sql.Composable:
    if isinstance(view, BetView):
        return sql.SQL("%(at)s <= changed_at + make_interval(secs => {})").format(view.ttl.total_seconds())
    return sql.SQL(feast_statement("is_carried_forward")).format(
        at=sql.SQL("%(at)s"),
        watermark=sql.SQL("watermark.features_watermark"),
        ttl=sql.Literal(view.ttl.total_seconds()),
        step=sql.Literal(int(view.ttl.total_seconds())),
        changelog=_names(view)["changelog"],
        instant=sql.Identifier("event_timestamp"),
        same_key=sql.SQL("later.{} = %(key)s").format(sql.Identifier(view.join_key)),
    )


def feature_change(
    connection: psycopg.Connection, view: StoredView, feature: str, key: str, changed_at: datetime
) -> FeatureChange:
    """Since when the feature has had the value that the change row at `changed_at` has."""
    query = sql.SQL(feast_statement("feature_changed_at")).format(**_names(view), feature=sql.Identifier(feature))
    row = connection.execute(query, {"key": key, "changed_at": changed_at}).fetchone()
    if row is None:
        raise LookupError(f"{view.name} has no change row of {key} at {changed_at}")
    return FeatureChange(*row)


def _names(view: StoredView) -> dict[str, sql.Composable]:
    return {
        "key": sql.Identifier(view.join_key),
        "changelog": sql.Identifier("features", f"{view.name}_changes"),
    }


# ---- online --------------------------------------------------------------------------------------------------------


def online_row(client: Any, view: StoredView, key: str, now: datetime) -> ServedRow:
    """What stands in Redis of a key, as it is served at `now`; UNREACHABLE where Redis does not answer."""
    import redis

    fields = [timestamp_field(view.name), *(feature_field(view.name, feature) for feature in view.features)]
    pipe = client.pipeline(transaction=False)
    pipe.hget(watermarks_key(PROJECT), view.name)
    pipe.hmget(entity_key(key_prefix(view.join_key), key, PROJECT.encode()), fields)
    try:
        packed, (stamp, *messages) = pipe.execute()
    except redis.RedisError:
        return ServedRow("UNREACHABLE", dict.fromkeys(view.features))
    watermark = unpack_watermark(packed) if isinstance(view, GroupedView) else None
    changed_at = decode_instant(stamp)
    until = as_of(changed_at, watermark.instant if watermark is not None else None)
    if changed_at is None or until is None:
        return ServedRow("NOT_FOUND", dict.fromkeys(view.features))
    row = {feature: decode_plain(message) for feature, message in zip(view.features, messages, strict=True)}
    is_old = is_outside(until, int(view.ttl.total_seconds() * 1_000_000), microseconds(now))
    status: ReadStatus = "OUTSIDE_MAX_AGE" if is_old else "PRESENT"
    return ServedRow(status, row, instant_of_microseconds(changed_at), instant_of_microseconds(until))
