"""The verb status: where a store stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from feature_repo.errors import PikkitError
from feature_repo.servers.redaction import redacted
from ingestion.cli.documents import print_json
from ingestion.cli.inspect.status_details import print_status_details
from ingestion.cli.inspect.status_summary import print_status_summary
from ingestion.cli.options import Json, Now, PingOption
from ingestion.cli.output import print_sentence, say_warning
from ingestion.cli.stores import begin, standing_stores
from ingestion.runs.store_verdict import store_problem, store_verdict

if TYPE_CHECKING:
    from feature_repo.errors import Unreachable
    from ingestion.runs.status import Copy, StoreStatus
    from ingestion.settings import Settings

_UNHEALTHY: Final = 3


def status(
    check: Annotated[
        bool, typer.Option("--check", help="Print the verdict alone; exit 0 when healthy, 3 when not, 4 as always.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Besides: rows, sources, sizes, log, lock, and every alert and reason, whole.")
    ] = False,
    ping: PingOption = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Show how the store stands, in twenty lines.

    A sentence, then each view against its TTL, with a few keys of it as they stand in Redis, then the last run, gate
    and intake, open alerts and storage. --all has rows, sources, lag and who holds the lock too. Starts nothing and
    changes nothing. A refresh that was published over failed checks is said first, and is no fault: somebody decided
    so. Exits 4 when Postgres or Redis does not answer, embedded ones that are down included; 0 in every
    other state, stale and empty ones included: the first line, --check and --json tell.
    """
    from feature_repo.errors import Unreachable
    from ingestion.monitoring.sign_of_life import check_ping_url, give_sign

    settings = begin(now)
    check_ping_url(ping)
    try:
        store = _status(settings)
    except PikkitError:
        if ping is not None:
            give_sign(ping, is_well=False, warn=say_warning)
        raise
    if json:
        print_json(_status_document(store))
    elif check:
        print_sentence(store_verdict(store))
    else:
        print_status_summary(store)
        if everything:
            print_status_details(store)
    problem = store_problem(store)
    if ping is not None:
        give_sign(ping, is_well=problem is None, warn=say_warning)
    if check and problem is not None:
        raise typer.Exit(store.online.exit_code if isinstance(store.online, Unreachable) else _UNHEALTHY)
    if isinstance(store.online, Unreachable):
        raise store.online


def _status(settings: Settings) -> StoreStatus:
    from dataclasses import replace

    from feature_repo.errors import Unreachable
    from ingestion.runs.status import status_by_clock

    store = status_by_clock(standing_stores(settings))
    if isinstance(store.online, Unreachable) and settings.external is None:
        store = replace(store, online=_why_redis_is_not_ready(settings) or store.online)
    return store


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
        "intake": asdict(contents.intake) if contents and contents.intake else None,
        "gate": asdict(contents.gate) if contents and contents.gate else None,
        "last_run": asdict(contents.last_run) if contents and contents.last_run else None,
        "bytes": store.bytes,
        "redis": {"error": redacted(str(store.online))}
        if isinstance(store.online, Unreachable)
        else asdict(store.online),
        "lock_holder": store.lock_holder,
    }


def _copy_document(copy: Copy) -> dict[str, Any]:
    age = copy.age.total_seconds() if copy.age is not None else None
    return {"state": copy.state, "refreshed_at": copy.watermark, "age_seconds": age, "reason": copy.reason}
