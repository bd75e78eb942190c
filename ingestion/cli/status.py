"""The verb that tells where a store stands: status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feature_repo.connections import Connections, postgres_listens, recorded
from ingestion.cli.output import Json, Now, print_json, print_line, print_table, span
from ingestion.cli.session import begin

if TYPE_CHECKING:
    from ingestion.settings import Settings
    from ingestion.status import Contents, Copy, Status

_UNITS = ("B", "kB", "MB", "GB", "TB")


def status(now: Now = None, json: Json = False) -> None:
    """Show how fresh each view is, and what the store holds.

    Views against their TTL, rows, lag, storage, the last run, and who holds the lock. Starts nothing and changes
    nothing. Exits 4 when Postgres or Redis does not answer, embedded ones that are down included; 0 in every other
    state, stale and empty ones included: the last line and --json tell.
    """
    from ingestion import clock
    from ingestion.errors import Unreachable
    from ingestion.status import status as look

    found = look(_as_they_are(begin(now)), clock.now())
    if json:
        print_json(_status_document(found))
    else:
        _print_status(found)
    if isinstance(found.online, Unreachable):
        raise found.online


def _as_they_are(settings: Settings) -> Connections:
    """The stores, started or not. Unreachable when they are embedded and Postgres is down."""
    found = settings.external or recorded(settings.home)
    if found is not None and (not found.embedded or postgres_listens(found.postgres)):
        return found
    return settings.connections()


def _print_status(found: Status) -> None:
    from ingestion.errors import Unreachable

    contents = found.contents
    if contents is not None:
        _print_contents(contents)
    sizes: list[tuple[str, str]] = [(f"Postgres, {schema}", _size(size)) for schema, size in found.bytes.items()]
    if not isinstance(found.online, Unreachable):
        sizes.append(("Redis, whole server", "-" if found.online.bytes is None else _size(found.online.bytes)))
        sizes.append(("Redis, keys", f"{found.online.keys:,}"))
    print_table(["storage", "size"], sizes)
    print_line()
    if contents is not None:
        for alert in contents.alerts:
            print_line(f"Alert     since {alert.opened_at:%Y-%m-%dT%H:%M:%SZ}: {alert.message}")
        print_line(f"Log       {_log(contents)}")
        print_line(f"Last run  {_last_run(contents)}")
        print_line(f"Gate      {_gate(contents)}")
    print_line(f"Lock      {found.lock_holder or 'free'}")
    print_line(_verdict(found))


def _print_contents(contents: Contents) -> None:
    print_table(
        ["view", "TTL", "offline", "age", "online", "age", "keys in log", "change rows"],
        [
            (v.name, v.ttl, v.offline.state, v.offline.age, v.online.state, v.online.age, v.keys, v.change_rows)
            for v in contents.views
        ],
    )
    print_line()
    print_table(["table", "rows"], list(contents.rows.items()))
    print_line()
    if contents.streams:
        print_table(
            ["source", "rows shown", "versions", "read up to", "last success", "failures since", "without"],
            [
                (
                    s.stream,
                    s.row_count,
                    s.versions,
                    s.cursor,
                    s.last_success_at,
                    s.failures,
                    ", ".join(s.without_columns),
                )
                for s in contents.streams
            ],
        )
        print_line()


def _log(contents: Contents) -> str:
    if contents.known_until is None:
        return "empty"
    behind = f"{contents.versions_behind:,} versions not in the features yet"
    return f"reaches {contents.known_until:%Y-%m-%dT%H:%M:%SZ}, {behind}"


def _last_run(contents: Contents) -> str:
    run = contents.last_run
    if run is None:
        return "none"
    parts = [
        f"{run.verb} {contents.short_run_ids[run.run_id]} {run.state}",
        f"started {run.started_at:%Y-%m-%dT%H:%M:%SZ}",
    ]
    if run.finished_at is not None and run.state != "died":
        parts.append(f"took {span(run.finished_at - run.started_at)}")
    if run.source:
        parts.append(f"source {run.source}")
    if run.error:
        parts.append(run.error.split("\n")[0])
    return ", ".join(parts)


def _gate(contents: Contents) -> str:
    gate = contents.gate
    if gate is None:
        return "nothing was judged yet"
    told = f"{gate.state} by run {contents.short_run_ids[gate.run_id]}, clock {gate.judged_at:%Y-%m-%dT%H:%M:%SZ}"
    if gate.reason:
        told += f": {gate.reason}"
    return f"{told}; {gate.overridden:,} refreshes published over it so far" if gate.overridden else told


def _verdict(found: Status) -> str:
    """The one sentence that somebody who reads only the last line needs."""
    from ingestion.errors import Unreachable

    if found.lock_holder is not None:
        return f"A run is going on: {found.lock_holder}. Look again when it is done."
    if found.contents is None:
        return f"The store lacks migrations: {', '.join(found.pending)}. Run `pikkit migrate`, then `pikkit apply`."
    if found.contents.alerts:
        return f"{len(found.contents.alerts)} open: {found.contents.alerts[0].message}"
    if found.contents.refreshed_at is None:
        return "Nothing was refreshed yet. Run `pikkit run`."
    views = found.contents.views
    stale = sum(view.offline.state == "stale" for view in views)
    if stale:
        refreshed_at = f"{found.contents.refreshed_at:%Y-%m-%dT%H:%M:%SZ}"
        return (
            f"{stale} of {len(views)} views are past their TTL: the last refresh was at {refreshed_at}. "
            "Run `pikkit run`, or look at the store as of then with --now or PIKKIT_NOW."
        )
    if isinstance(found.online, Unreachable):
        return "Redis does not answer: nothing is served online."
    not_fresh = sum(view.online.state != "fresh" for view in views)
    behind = sum(view.online_is_behind for view in views)
    if not_fresh or behind:
        return f"{max(not_fresh, behind)} of {len(views)} views lack the last refresh online. Run `pikkit materialize`."
    return f"All {len(views)} views are fresh, offline and online."


def _status_document(found: Status) -> dict[str, Any]:
    from dataclasses import asdict

    from ingestion.errors import Unreachable

    contents = found.contents
    return {
        "now": found.now,
        "pending": found.pending,
        "verdict": _verdict(found),
        "views": [
            {
                "view": view.name,
                "ttl_seconds": view.ttl.total_seconds(),
                "offline": _copy_document(view.offline),
                "online": _copy_document(view.online),
                "keys": view.keys,
                "change_rows": view.change_rows,
            }
            for view in (contents.views if contents else ())
        ],
        "rows": contents.rows if contents else {},
        "refreshed_at": contents.refreshed_at if contents else None,
        "known_until": contents.known_until if contents else None,
        "versions_behind": contents.versions_behind if contents else None,
        "sources": [asdict(stream) for stream in contents.streams] if contents else [],
        "alerts": [asdict(alert) for alert in contents.alerts] if contents else [],
        "gate": asdict(contents.gate) if contents and contents.gate else None,
        "last_run": asdict(contents.last_run) if contents and contents.last_run else None,
        "bytes": found.bytes,
        "redis": {"error": str(found.online)} if isinstance(found.online, Unreachable) else asdict(found.online),
        "lock_holder": found.lock_holder,
    }


def _copy_document(copy: Copy) -> dict[str, Any]:
    age = copy.age.total_seconds() if copy.age is not None else None
    return {"state": copy.state, "refreshed_at": copy.refreshed_at, "age_seconds": age}


def _size(size: float) -> str:
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} {_UNITS[-1]}"
