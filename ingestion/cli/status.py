"""The verb that tells where a store stands: status."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from feature_repo.servers.connections import Connections, recorded
from feature_repo.servers.embedded_servers import postgres_state
from ingestion.cli.output import Json, Now, print_json, print_line, print_table
from ingestion.cli.stores import begin
from ingestion.wording import counted, first_line, span

if TYPE_CHECKING:
    from feature_repo.errors import Unreachable
    from ingestion.runs.status import Contents, Copy, StoreStatus, ViewStatus
    from ingestion.settings import Settings

_UNITS = ("B", "kB", "MB", "GB", "TB")
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

    from feature_repo.errors import Unreachable
    from ingestion import clock
    from ingestion.runs.status import store_status as look

    settings = begin(now)
    found = look(_as_they_are(settings), clock.now(), is_clock_stopped=clock.is_stopped())
    if isinstance(found.online, Unreachable) and settings.external is None:
        found = replace(found, online=_why_redis_is_not_ready(settings) or found.online)
    if json:
        print_json(_status_document(found))
    elif check:
        print_line(_verdict(found))
    else:
        _print_status(found)
    if check and _problem(found) is not None:
        raise typer.Exit(found.online.exit_code if isinstance(found.online, Unreachable) else _UNHEALTHY)
    if isinstance(found.online, Unreachable):
        raise found.online


def _as_they_are(settings: Settings) -> Connections:
    """The stores, started or not. Unreachable when they are embedded and Postgres cannot be used."""
    found = settings.external or recorded(settings.home)
    if found is not None and (not found.embedded or postgres_state(settings.home, found.postgres).condition == "ready"):
        return found
    return settings.connections()


def _why_redis_is_not_ready(settings: Settings) -> Unreachable | None:
    """What keeps an embedded Redis that runs from answering; or that it is down; null when it answers by now."""
    from feature_repo.errors import Unreachable

    try:
        settings.connections()
    except Unreachable as error:
        return error
    return None


def _print_status(found: StoreStatus) -> None:
    from feature_repo.errors import Unreachable

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
        ["view", "TTL", "offline", "age", "online", "age", "sampled", "keys in log", "change rows"],
        [
            (
                v.name,
                v.ttl,
                v.offline.state,
                v.offline.age,
                v.online.state,
                v.online.age,
                v.sample and f"{v.sample.keys - v.sample.missing - v.sample.differing} of {v.sample.keys}",
                v.keys,
                v.change_rows,
            )
            for v in contents.views
        ],
    )
    print_line()
    reasons = dict.fromkeys(v.online.reason or v.offline.reason for v in contents.views)
    for reason in filter(None, reasons):
        print_line(
            f"{', '.join(v.name for v in contents.views if reason in (v.online.reason, v.offline.reason))}: {reason}"
        )
    if any(reasons):
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
    behind = f"{counted(contents.versions_behind, 'version')} not in the features yet"
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
        parts.append(first_line(run.error))
    return ", ".join(parts)


def _gate(contents: Contents) -> str:
    from ingestion.runs.actor import by_actor

    gate = contents.gate
    if gate is None:
        return "nothing was judged yet"
    told = f"{gate.state} by run {contents.short_run_ids[gate.run_id]}, clock {gate.judged_at:%Y-%m-%dT%H:%M:%SZ}"
    if gate.reason:
        told += f",{by_actor(gate.overridden_by)}: {gate.reason}" if gate.overridden_by else f": {gate.reason}"
    return f"{told}; {gate.overridden:,} refreshes published over it so far" if gate.overridden else told


def _verdict(found: StoreStatus) -> str:
    """The one sentence that somebody who reads only the last line needs."""
    problem = _problem(found)
    if found.lock_holder is not None:
        going_on = f"A run is going on: {found.lock_holder}. Look again when it is done."
        return going_on if problem is None else f"{going_on} As of now: {problem}"
    if problem is not None:
        return problem
    views = found.contents.views if found.contents else []
    sampled = sum(view.sample.keys for view in views if view.sample)
    keys = f"{counted(sampled, 'sampled key')} found there as Postgres has them" if sampled else "no key is due online"
    return f"All {len(views)} views are fresh, offline and online; {keys}."


def _problem(found: StoreStatus) -> str | None:
    """What keeps the store from being healthy, with the command that mends it; None when nothing does."""
    from feature_repo.errors import Unreachable

    if isinstance(found.online, Unreachable):
        return "Redis does not answer: nothing is served online."
    contents = found.contents
    if contents is None:
        return f"The store lacks migrations: {', '.join(found.pending)}. Run `pikkit migrate`, then `pikkit apply`."
    if contents.refreshed_at is None:
        return _alerts(contents) or "Nothing was refreshed yet. Run `pikkit run`."
    if any(view.offline.state == "ahead" for view in contents.views):
        return _ahead(found, contents.refreshed_at)
    if definition := _not_rolled_out(contents):
        return definition
    if alerts := _alerts(contents):
        return alerts
    views = contents.views
    stale = sum(view.offline.state == "stale" for view in views)
    if stale:
        refreshed_at = f"{contents.refreshed_at:%Y-%m-%dT%H:%M:%SZ}"
        return (
            f"{stale} of {len(views)} views are past their TTL: the last refresh was at {refreshed_at}. "
            "Run `pikkit run`, or look at the store as of then with --now or PIKKIT_NOW."
        )
    if faulty := [view for view in views if view.online.state in ("empty", "redefined", "incomplete", "differs")]:
        return _not_as_postgres_has_it(faulty, views)
    not_fresh = sum(view.online.state != "fresh" for view in views)
    # A run copies what it committed, so while it goes on it is not late.
    behind = sum(view.online_is_behind for view in views) if found.lock_holder is None else 0
    if not_fresh or behind:
        return f"{max(not_fresh, behind)} of {len(views)} views lack the last refresh online. Run `pikkit materialize`."
    return None


def _alerts(contents: Contents) -> str | None:
    """How many alerts are open: the message of the first, the causes of the others."""
    if not contents.alerts:
        return None
    first, *others = contents.alerts
    told = f"{counted(len(contents.alerts), 'alert')} open: {first.message.removesuffix('.')}."
    if first.is_refusal:
        told += " `pikkit gate --failed` shows why."
    return f"{told} Also open: {', '.join(alert.cause for alert in others)}." if others else told


def _ahead(found: StoreStatus, refreshed_at: datetime) -> str:
    refreshed = f"the last refresh, {refreshed_at:%Y-%m-%dT%H:%M:%SZ}"
    if found.is_clock_stopped:
        return (
            f"The clock is stopped by --now or PIKKIT_NOW at {found.now:%Y-%m-%dT%H:%M:%SZ}, before {refreshed}. "
            "Leave them out, or give a later instant."
        )
    return (
        f"This machine's clock, {found.now:%Y-%m-%dT%H:%M:%SZ}, is behind the store: it is before {refreshed}. "
        "`pikkit doctor` tells which of the clocks is wrong."
    )


def _not_rolled_out(contents: Contents) -> str | None:
    if contents.missing_columns:
        return (
            f"The store has no column for {', '.join(contents.missing_columns)}. Add them in a new file of "
            "ingestion/sql/migrations, then run `pikkit migrate`."
        )
    if contents.unapplied:
        return (
            f"Feast's registry does not have {', '.join(contents.unapplied)} as feature_repo/ declares it. "
            "Run `pikkit apply`."
        )
    if contents.redefined:
        return (
            f"The definition of {', '.join(contents.redefined)} changed since their rows were written. "
            "Run `pikkit backfill`."
        )
    return None


def _not_as_postgres_has_it(faulty: list[ViewStatus], views: list[ViewStatus]) -> str:
    samples = [view.sample for view in views if view.sample]
    wrong = sum(sample.missing + sample.differing for sample in samples)
    looked_at = sum(sample.keys for sample in samples)
    keys = f" ({wrong:,} of {looked_at:,} sampled keys are missing or have other values)" if wrong else ""
    reason = faulty[0].online.reason or "Redis holds nothing any more"
    return (
        f"{len(faulty)} of {len(views)} views do not stand online as Postgres has them{keys}. {faulty[0].name}: "
        f"{reason}. Run `pikkit materialize --rebuild`."
    )


def _status_document(found: StoreStatus) -> dict[str, Any]:
    from dataclasses import asdict

    from feature_repo.errors import Unreachable

    contents = found.contents
    return {
        "now": found.now,
        "is_clock_stopped": found.is_clock_stopped,
        "healthy": _problem(found) is None,
        "verdict": _verdict(found),
        "pending": found.pending,
        "missing_columns": contents.missing_columns if contents else [],
        "unapplied": contents.unapplied if contents else [],
        "redefined": contents.redefined if contents else [],
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
    return {"state": copy.state, "refreshed_at": copy.refreshed_at, "age_seconds": age, "reason": copy.reason}


def _size(size: float) -> str:
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} {_UNITS[-1]}"
