"""What `pikkit status --all` prints besides: why views are not fresh, rows, sources, sizes, alerts, log, gate, lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.tables import print_table
from ingestion.runs.store_verdict import store_verdict
from ingestion.wording import counted, data_size

if TYPE_CHECKING:
    from ingestion.runs.status import Contents, LastGate, StoreStatus, Stream

_HANGING = 10


def print_status_details(store: StoreStatus) -> None:
    """The tables of a store's status, a paragraph each of log, gate, lock and every alert, and the verdict, whole."""
    from feature_repo.errors import Unreachable

    contents = store.contents
    if contents is not None:
        _print_contents(contents)
    sizes: list[tuple[str, str]] = [(f"Postgres, {schema}", data_size(size)) for schema, size in store.bytes.items()]
    if not isinstance(store.online, Unreachable):
        memory = "-" if store.online.bytes is None else data_size(store.online.bytes)
        sizes += [("Redis, whole server", memory), ("Redis, keys", f"{store.online.keys:,}")]
    print_table(["storage", "size"], sizes)
    print_line()
    if contents is not None:
        for alert in contents.alerts:
            _print_fact("Alert", f"since {alert.opened_at:%Y-%m-%dT%H:%M:%SZ}: {alert.message}")
        _print_fact("Log", _log(contents))
        if contents.gate is not None:
            _print_fact("Gate", _gate(contents.gate, contents.short_run_ids[contents.gate.run_id]))
        if contents.last_run is not None and contents.last_run.error:
            _print_fact("Error", contents.last_run.error)
    _print_fact("Lock", store.lock_holder or "free")
    _print_fact("State", store_verdict(store))


def _print_fact(name: str, text: str) -> None:
    print_wrapped(f"{name:<{_HANGING}}{text}", hanging=_HANGING)


def _print_contents(contents: Contents) -> None:
    print_line()
    print_table(["view", "keys in log", "change rows"], [(v.name, v.keys, v.change_rows) for v in contents.views])
    print_line()
    reasons = dict.fromkeys(view.online.reason or view.offline.reason for view in contents.views)
    for reason in filter(None, reasons):
        names = [view.name for view in contents.views if reason in (view.online.reason, view.offline.reason)]
        print_wrapped(f"{', '.join(names)}: {reason}")
    if any(reasons):
        print_line()
    print_table(["table", "rows"], list(contents.rows.items()))
    print_line()
    if contents.streams:
        for stream in contents.streams:
            _print_fact("Source", _source(stream))
        print_line()


def _source(stream: Stream) -> str:
    rows = f", shows {counted(stream.row_count, 'row')}" if stream.row_count is not None else ""
    last = f"{stream.last_success_at:%Y-%m-%dT%H:%M:%SZ}" if stream.last_success_at else "never"
    cursor = f", up to {stream.cursor:%Y-%m-%dT%H:%M:%SZ}" if stream.cursor else ""
    failures = f"; {counted(stream.failures, 'failure')} since" if stream.failures else ""
    without = f"; without {', '.join(stream.without_columns)}" if stream.without_columns else ""
    versions = counted(stream.versions, "version")
    return f"{stream.stream}{rows}: {versions}; last read {last}{cursor}{failures}{without}"


def _log(contents: Contents) -> str:
    if contents.newest_known_at is None:
        return "empty"
    behind = f"{counted(contents.versions_behind, 'version')} not in the features yet"
    return f"reaches {contents.newest_known_at:%Y-%m-%dT%H:%M:%SZ}, {behind}"


def _gate(gate: LastGate, short_run_id: str) -> str:
    from ingestion.runs.actor import by_actor

    sentence = f"{gate.state} by run {short_run_id}, clock {gate.judged_at:%Y-%m-%dT%H:%M:%SZ}"
    if gate.reason:
        sentence += f",{by_actor(gate.overridden_by)}: {gate.reason}" if gate.overridden_by else f": {gate.reason}"
    return f"{sentence}; {counted(gate.overridden, 'run')} published over it so far" if gate.overridden else sentence
