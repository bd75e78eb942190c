"""What is in Redis, held against what Postgres says must stand there: the watermarks, and a few keys of each view.

    expected = expected_copy(connection, now)      in one snapshot of Postgres
    actual = actual_copy(client, expected)         then in Redis
    findings = online_findings(connection, expected, actual)

A copy that moves on in between is no difference: what is newer in Redis than was expected is looked up again. The
number of keys is the same whatever the size of a view. Reads only, and without Feast.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import psycopg
from google.protobuf.message import DecodeError
from psycopg import sql

from feature_repo.declarations.views import STORED_VIEWS, BetView, GroupedView
from feature_repo.online_store.layout import (
    entity_key,
    feature_field,
    features_digest,
    instant_of_microseconds,
    key_prefix,
    timestamp_field,
)
from feature_repo.online_store.protobuf import decode_instant, decode_plain
from feature_repo.online_store.watermarks import OnlineWatermarks, copy_name, read_watermarks
from feature_repo.postgres.queries import feast_statement
from feature_repo.servers.connections import PROJECT
from ingestion.database.access import statement
from ingestion.database.rollout import COLUMN_TYPES, relation_columns

# Keys of each view that are chosen among the newest changes, and as many spread over all that is served.
KEYS_OF_A_KIND: Final = 8
# The pages of a view's table that the spread ones are looked for in.
_PAGES: Final = 64
# Rows of each run that the newest ones are looked for in: the first load wrote all there are.
_ROWS: Final = 1_000


class CopiedRow(NamedTuple):
    """The newest row of a key that must be online: its instant, and its features in the order of the view."""

    key: str
    instant: datetime
    values: tuple[Any, ...]


class ExpectedView(NamedTuple):
    """What must stand online of one view: all rows up to a refresh, for these features, and some of the rows."""

    view: GroupedView | BetView
    online_watermark: datetime
    features: bytes
    rows: Sequence[CopiedRow]


class ExpectedCopy(NamedTuple):
    """What must stand online: the copy of this name, and the views that were ever copied."""

    name: str
    views: Sequence[ExpectedView]


class ActualCopy(NamedTuple):
    """What Redis said: the watermarks, and for each expected row the reply of its hash (timestamp, features)."""

    watermarks: OnlineWatermarks
    replies: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class OnlineSample:
    """Keys that were looked at online, those of them that are not there, and those that stand there otherwise."""

    keys: int
    missing: int
    differing: int


Fault = Literal["redefined", "incomplete", "differs"]


@dataclass(frozen=True)
class Finding:
    """What is wrong with a view online, if anything, and why; its online watermark; the keys looked at."""

    fault: Fault | None
    reason: str | None
    watermark: datetime | None
    sample: OnlineSample


# ---- what must be there --------------------------------------------------------------------------------------------


def expected_copy(connection: psycopg.Connection, now: datetime) -> ExpectedCopy:
    """What the store has copied, by what it remembers, and rows of it chosen anew at each call."""
    rows = connection.execute(statement("backlog"), {"views": [view.name for view in STORED_VIEWS]}).fetchall()
    views = {view.name: view for view in STORED_VIEWS}
    types = relation_columns(connection, [f"features.{name}_changes" for name in views])
    return ExpectedCopy(
        copy_name(connection),
        [
            ExpectedView(
                views[name],
                online_watermark.astimezone(UTC),
                _features_digest(views[name], types[f"features.{name}_changes"]),
                _chosen_rows(connection, views[name], online_watermark, runs, now),
            )
            for name, _, _, online_watermark, runs in rows
            if online_watermark is not None
        ],
    )


def _features_digest(view: GroupedView | BetView, types: Mapping[str, str]) -> bytes:
    return features_digest((feature, COLUMN_TYPES[types[feature]]) for feature in view.features)


def _chosen_rows(
    connection: psycopg.Connection,
    view: GroupedView | BetView,
    online_watermark: datetime,
    uncopied: Sequence[UUID],
    now: datetime,
) -> list[CopiedRow]:
    # A bet is served for the TTL from its own instant on; a group's row holds as long as its watermark moves.
    oldest = max(now, online_watermark) - view.ttl if isinstance(view, BetView) else None
    query = sql.SQL(statement("online_sample")).format(
        **_identifiers(view), relation=sql.Literal(f"features.{view.name}_changes")
    )
    of_view = {"view": view.name, "uncopied": list(uncopied)}
    writers = [run_id for (run_id,) in connection.execute(statement("newest_writers"), of_view)]
    params = {
        **dict(zip_longest(("first", "second", "third"), writers)),
        "keys": KEYS_OF_A_KIND,
        "rows": _ROWS,
        "seed": secrets.randbits(62),
        "oldest": oldest,
        "uncopied": list(uncopied),
    }
    # None among a few pages is no proof that there is none.
    return _copied_rows(connection, query, params | {"pages": _PAGES}) or _copied_rows(
        connection, query, params | {"pages": None}
    )


def _copied_rows(connection: psycopg.Connection, query: sql.Composed, params: Mapping[str, Any]) -> list[CopiedRow]:
    rows = connection.execute(query, params).fetchall()
    return [CopiedRow(key, at.astimezone(UTC), tuple(values)) for key, at, *values in rows]


def _identifiers(view: GroupedView | BetView) -> dict[str, sql.Composable]:
    columns = (view.join_key, "event_timestamp", *view.features)
    return {
        "key": sql.Identifier(view.join_key),
        "changes": sql.Identifier("features", f"{view.name}_changes"),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
    }


# ---- what is there -------------------------------------------------------------------------------------------------


def actual_copy(client: Any, expected: ExpectedCopy) -> ActualCopy:
    """The watermarks and the chosen rows, in two round trips. A key of another type than ours answers with its error.

    Raises redis.RedisError when Redis does not answer.
    """
    import redis

    try:
        watermarks = read_watermarks(client, PROJECT)
    except (redis.ResponseError, UnicodeDecodeError):  # something else stands under that key
        watermarks = OnlineWatermarks(None, {})
    pipe = client.pipeline(transaction=False)
    for view in expected.views:
        fields = _fields(view.view)
        for row in view.rows:
            pipe.hmget(entity_key(key_prefix(view.view.join_key), row.key, PROJECT.encode()), fields)
    replies = iter(pipe.execute(raise_on_error=False) if pipe else ())
    return ActualCopy(
        watermarks, [[reply for _, reply in zip(view.rows, replies, strict=False)] for view in expected.views]
    )


def _fields(view: GroupedView | BetView) -> list[bytes]:
    return [timestamp_field(view.name), *(feature_field(view.name, feature) for feature in view.features)]


# ---- whether they agree --------------------------------------------------------------------------------------------


def online_findings(connection: psycopg.Connection, expected: ExpectedCopy, actual: ActualCopy) -> dict[str, Finding]:
    """What is found of each view that was expected. The connection's snapshot must be newer than the look at Redis."""
    features_watermark = connection.execute(feast_statement("features_watermark")).fetchone()
    latest = features_watermark[0].astimezone(UTC) if features_watermark else None
    findings = {}
    for view, replies in zip(expected.views, actual.replies, strict=True):
        sample = _compared(connection, view, replies)
        watermark = actual.watermarks.views.get(view.view.name)
        until = instant_of_microseconds(watermark.instant) if watermark is not None else None
        fault, reason = _fault_of_watermarks(expected, view, actual.watermarks, latest) or _fault_of_sample(sample)
        findings[view.view.name] = Finding(fault, reason, until, sample)
    return findings


def _fault_of_watermarks(
    expected: ExpectedCopy, view: ExpectedView, watermarks: OnlineWatermarks, latest: datetime | None
) -> tuple[Fault, str] | None:
    watermark = watermarks.views.get(view.view.name)
    if watermarks.copy_of not in (None, expected.name):
        return "incomplete", "what stands there is the copy of another store, or of this one before its last backfill"
    if watermark is None:
        return "incomplete", "its watermark is not there, so nothing is known of its keys"
    if watermarks.copy_of is None:
        return "incomplete", "nothing there says whose copy it is"
    if watermark.features != view.features:
        return "redefined", "what stands there was copied for other features"
    until = instant_of_microseconds(watermark.instant)
    if until < view.online_watermark:
        return (
            "incomplete",
            f"it was set back to {_text(until)}, after it had been copied up to {_text(view.online_watermark)}",
        )
    if latest is None or until > latest:
        return "incomplete", f"its watermark, {_text(until)}, lies past all that was ever refreshed"
    return None


def _fault_of_sample(sample: OnlineSample) -> tuple[Fault | None, str | None]:
    wrong = [f"{sample.missing} are not there"] if sample.missing else []
    wrong += [f"{sample.differing} have other values"] if sample.differing else []
    if not wrong:
        return None, None
    return ("incomplete" if sample.missing else "differs"), f"of {sample.keys} sampled keys {' and '.join(wrong)}"


def _compared(connection: psycopg.Connection, view: ExpectedView, replies: Sequence[Any]) -> OnlineSample:
    missing = differing = 0
    newer: list[CopiedRow] = []
    for row, reply in zip(view.rows, replies, strict=True):
        if isinstance(reply, Exception):
            differing += 1
        elif reply[0] is None:
            missing += 1
        elif (online := _row_of(row.key, reply)) is None or online.instant < row.instant:
            differing += 1
        elif online.instant > row.instant:
            newer.append(online)
        elif online.values != row.values:
            differing += 1
    differing += _count_unknown(connection, view.view, newer)
    return OnlineSample(len(view.rows), missing, differing)


def _row_of(key: str, reply: Sequence[bytes | None]) -> CopiedRow | None:
    """The row that stands there; None when it cannot be read."""
    stamp, *messages = reply
    try:
        at, values = decode_instant(stamp), tuple(map(decode_plain, messages))
    except (DecodeError, IndexError, OverflowError, ValueError):
        return None
    return CopiedRow(key, instant_of_microseconds(at), values) if at is not None else None


def _count_unknown(connection: psycopg.Connection, view: GroupedView | BetView, online: Sequence[CopiedRow]) -> int:
    """How many of these rows are none of the store's."""
    if not online:
        return 0
    query = sql.SQL(statement("change_rows_at")).format(**_identifiers(view))
    params = {"keys": [row.key for row in online], "instants": [row.instant for row in online]}
    known = set(_copied_rows(connection, query, params))
    return sum(row not in known for row in online)


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
