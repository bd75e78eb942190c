"""What `pikkit status` prints: views, tables, sources, storage, and a line each of log, run, gate and lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.cli.inspect.store_verdict import store_verdict
from ingestion.cli.output import print_line
from ingestion.cli.tables import print_table
from ingestion.wording import counted, first_line, span

if TYPE_CHECKING:
    from ingestion.runs.status import Contents, StoreStatus

_UNITS = ("B", "kB", "MB", "GB", "TB")


def print_status(store: StoreStatus) -> None:
    """The tables of a store's status, then a line each of alerts, log, last run, gate, lock, and the verdict."""
    from feature_repo.errors import Unreachable

    contents = store.contents
    if contents is not None:
        _print_contents(contents)
    sizes: list[tuple[str, str]] = [(f"Postgres, {schema}", _size(size)) for schema, size in store.bytes.items()]
    if not isinstance(store.online, Unreachable):
        sizes.append(("Redis, whole server", "-" if store.online.bytes is None else _size(store.online.bytes)))
        sizes.append(("Redis, keys", f"{store.online.keys:,}"))
    print_table(["storage", "size"], sizes)
    print_line()
    if contents is not None:
        for alert in contents.alerts:
            print_line(f"Alert     since {alert.opened_at:%Y-%m-%dT%H:%M:%SZ}: {alert.message}")
        print_line(f"Log       {_log(contents)}")
        print_line(f"Last run  {_last_run(contents)}")
        print_line(f"Gate      {_gate(contents)}")
    print_line(f"Lock      {store.lock_holder or 'free'}")
    print_line(store_verdict(store))


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
    if contents.newest_known_at is None:
        return "empty"
    behind = f"{counted(contents.versions_behind, 'version')} not in the features yet"
    return f"reaches {contents.newest_known_at:%Y-%m-%dT%H:%M:%SZ}, {behind}"


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
    sentence = f"{gate.state} by run {contents.short_run_ids[gate.run_id]}, clock {gate.judged_at:%Y-%m-%dT%H:%M:%SZ}"
    if gate.reason:
        sentence += f",{by_actor(gate.overridden_by)}: {gate.reason}" if gate.overridden_by else f": {gate.reason}"
    return f"{sentence}; {gate.overridden:,} refreshes published over it so far" if gate.overridden else sentence


def _size(size: float) -> str:
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} {_UNITS[-1]}"
