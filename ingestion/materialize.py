"""Feature values copied to the online store, by Feast, view by view, up to the mark.

What was copied is remembered per view, so that a run which died between its commit and its copy is caught up by the
next.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg
from psycopg import sql

from feature_repo.connections import Connections
from feature_repo.groups import BET_VIEWS, STORED_VIEWS, BetView, GroupedView
from ingestion.database import statement
from ingestion.errors import GateRefused, Unreachable
from ingestion.progress import Progress, silent
from ingestion.runs import Counts

if TYPE_CHECKING:
    from feast import FeatureStore
    from redis import Redis

# Where the online store notes whose copy it holds.
_COPY_OF: Final = "pikkit:copy_of"


@contextmanager
def open_online_store(connections: Connections) -> Iterator[FeatureStore]:
    """Feast's store, with its refusals and with trouble of the online store in our words. What Postgres holds is
    committed by then.
    """
    import redis

    from feature_repo.refusals import PublicationRefused
    from feature_repo.store import store_at

    try:
        yield store_at(connections)
    except PublicationRefused as error:
        raise GateRefused(error.what, error.state, error.next_step) from error
    except redis.RedisError as error:
        raise Unreachable(
            f"Redis at {connections.redis.address} does not answer ({error})",
            "The features are committed in Postgres; the online store still serves what it had",
            "Look at `pikkit doctor`, then run `pikkit materialize`; the next `pikkit run` catches up too",
            service="Redis",
        ) from error


class Window(NamedTuple):
    """The event timestamps of a view, both ends included, that hold what the online store lacks."""

    view: GroupedView | BetView
    since: datetime | None
    until: datetime
    seq: int
    copied_seq: int


def materialize(
    connection: psycopg.Connection,
    store: FeatureStore,
    *,
    views: Sequence[GroupedView | BetView] = STORED_VIEWS,
    anew: bool = False,
    progress: Progress = silent,
) -> Counts:
    """Copy what the online store lacks of each view and return how many keys were written. Hold the run lock.

    `anew` copies everything that is to be served, over whatever stands there. Safe to repeat.
    """
    # Otherwise Redis takes a row of an instant that it has to be the same row. One row per key is written, the newest,
    # and under the run lock, so nothing newer is lost.
    store.config.online_store.skip_dedup = anew
    written: Counts = {}
    for done, window in enumerate(_windows(connection, views, anew)):
        progress("materialize", done, len(views))
        written[window.view.name] = _copy(connection, store, window) if _lacks_something(window) else 0
        with connection.transaction():
            connection.execute(
                statement("record_materialization"),
                {
                    "view": window.view.name,
                    "refreshed_at": window.until,
                    "seq": window.seq,
                    "finished_at": datetime.now(UTC),
                },
            )
    progress("materialize", len(views), len(views))
    return written


def lost_its_copy(connection: psycopg.Connection, connections: Connections) -> bool:
    """Whether the online store is not the one that the last whole copy went to: emptied, or another one."""
    with connection.transaction(), _redis(connections) as client:
        return bool(client.get(_COPY_OF) != _identity(connection))


def mark_copy(connection: psycopg.Connection, connections: Connections) -> None:
    """Leave a note in the online store that it holds the copy of this store."""
    with connection.transaction(), _redis(connections) as client:
        client.set(_COPY_OF, _identity(connection))


def _identity(connection: psycopg.Connection) -> bytes:
    """A store is known by its first run."""
    row = connection.execute(statement("first_run")).fetchone()
    return str(row[0] if row else None).encode()


def _redis(connections: Connections) -> Redis:
    import redis

    return redis.Redis.from_url(connections.redis.url)


def _windows(connection: psycopg.Connection, views: Sequence[GroupedView | BetView], anew: bool) -> list[Window]:
    params = {
        "views": [view.name for view in views],
        "ttls": [view.ttl for view in views],
        "bet_views": [view.name for view in BET_VIEWS],
        "anew": anew,
    }
    by_name = {view.name: view for view in views}
    with connection.transaction():
        rows = connection.execute(statement("materialization_windows"), params).fetchall()
    return [Window(by_name[name], *rest) for name, *rest in rows]


def _lacks_something(window: Window) -> bool:
    """Grouped views are asserted anew at each mark; bets that did not change are not."""
    return window.view not in BET_VIEWS or window.seq > window.copied_seq


def _copy(connection: psycopg.Connection, store: FeatureStore, window: Window) -> int:
    since = window.since or window.until
    query = sql.SQL(statement("window_keys")).format(
        changes=sql.Identifier("features", f"{window.view.name}_changes"), key=sql.Identifier(window.view.join_key)
    )
    # A group that ever changed is asserted at the mark, whenever it changed last.
    earliest = since if isinstance(window.view, BetView) else None
    with connection.transaction():
        keys: int = (connection.execute(query, {"since": earliest, "until": window.until}).fetchone() or (0,))[0]
    if keys:
        # Feast prints its progress to both streams; ours is told to `progress`.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            store.materialize(since, window.until, feature_views=[window.view.name])
    return keys
