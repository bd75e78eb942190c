"""The verb status: where a store stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from feature_repo.servers.connections import Connections
from feature_repo.servers.embedded_servers import postgres_state, recorded
from ingestion.cli.documents import print_json
from ingestion.cli.inspect.status_tables import print_status
from ingestion.cli.inspect.store_verdict import store_problem, store_verdict
from ingestion.cli.options import Json, Now
from ingestion.cli.output import print_line
from ingestion.cli.stores import begin

if TYPE_CHECKING:
    from feature_repo.errors import Unreachable
    from ingestion.runs.status import Copy, StoreStatus
    from ingestion.settings import Settings

_UNHEALTHY: Final = 3


def status(
    check: Annotated[
        bool, typer.Option("--check", help="Print the verdict alone; exit 0 when healthy, 3 when not, 4 as always.")
    ] = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Show how fresh each view is, and what the store holds.

    Views against their TTL, a few keys of each as they stand in Redis, rows, lag, storage, the last run, and who holds
    the lock. Starts nothing and changes nothing. Exits 4 when Postgres or Redis does not answer, embedded ones that are
    down included; 0 in every other state, stale and empty ones included: the last line, --check and --json tell.
    """
    from dataclasses import replace

    from feature_repo import clock
    from feature_repo.errors import Unreachable
    from ingestion.runs.status import store_status

    settings = begin(now)
    store = store_status(_as_they_are(settings), clock.now(), is_clock_stopped=clock.is_stopped())
    if isinstance(store.online, Unreachable) and settings.external is None:
        store = replace(store, online=_why_redis_is_not_ready(settings) or store.online)
    if json:
        print_json(_status_document(store))
    elif check:
        print_line(store_verdict(store))
    else:
        print_status(store)
    if check and store_problem(store) is not None:
        raise typer.Exit(store.online.exit_code if isinstance(store.online, Unreachable) else _UNHEALTHY)
    if isinstance(store.online, Unreachable):
        raise store.online


def _as_they_are(settings: Settings) -> Connections:
    """The stores, started or not. Unreachable when they are embedded and Postgres cannot be used."""
    connections = settings.external or recorded(settings.home)
    if connections is not None and (
        not connections.embedded or postgres_state(settings.home, connections.postgres).condition == "ready"
    ):
        return connections
    return settings.connections()


def _why_redis_is_not_ready(settings: Settings) -> Unreachable | None:
    """What keeps an embedded Redis that runs from answering; or that it is down; null when it answers by now."""
    from feature_repo.errors import Unreachable

    try:
        settings.connections()
    except Unreachable as error:
        return error
    return None


def _status_document(store: StoreStatus) -> dict[str, Any]:
    from dataclasses import asdict

    from feature_repo.errors import Unreachable

    contents = store.contents
    return {
        "now": store.now,
        "is_clock_stopped": store.is_clock_stopped,
        "healthy": store_problem(store) is None,
        "verdict": store_verdict(store),
        "pending": store.pending,
        "missing_columns": contents.missing_columns if contents else [],
        "unapplied": contents.unapplied if contents else [],
        "redefined": contents.redefined if contents else [],
        "vocabulary": asdict(contents.vocabulary) if contents else None,
        "views": [
            {
                "view": view.name,
                "ttl_seconds": view.ttl.total_seconds(),
                "offline": _copy_document(view.offline),
                "online": _copy_document(view.online),
                "sample": asdict(view.sample) if view.sample else None,
                "keys": view.keys,
                "change_rows": view.change_rows,
            }
            for view in (contents.views if contents else ())
        ],
        "rows": contents.rows if contents else {},
        "refreshed_at": contents.features_watermark if contents else None,
        "known_until": contents.newest_known_at if contents else None,
        "versions_behind": contents.versions_behind if contents else None,
        "sources": [asdict(stream) for stream in contents.streams] if contents else [],
        "alerts": [asdict(alert) for alert in contents.alerts] if contents else [],
        "gate": asdict(contents.gate) if contents and contents.gate else None,
        "last_run": asdict(contents.last_run) if contents and contents.last_run else None,
        "bytes": store.bytes,
        "redis": {"error": str(store.online)} if isinstance(store.online, Unreachable) else asdict(store.online),
        "lock_holder": store.lock_holder,
    }


def _copy_document(copy: Copy) -> dict[str, Any]:
    age = copy.age.total_seconds() if copy.age is not None else None
    return {"state": copy.state, "refreshed_at": copy.watermark, "age_seconds": age, "reason": copy.reason}
