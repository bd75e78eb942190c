"""What `pikkit status` prints: one sentence, a line for each view, and one each for run, gate, intake, alerts, storage.

At most twenty lines, and none longer than the terminal is wide, whatever state the store is in.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final

from ingestion.cli.output import print_line, terminal_width
from ingestion.cli.tables import print_table
from ingestion.runs.store_verdict import store_verdict
from ingestion.wording import counted, cut, data_size, first_line, span

if TYPE_CHECKING:
    from ingestion.runs.status import Contents, StoreStatus, ViewStatus

# A sentence may be longer where many things are wrong at once: --check and --all have it whole.
_SENTENCE_LINES: Final = 3


def print_status_summary(store: StoreStatus) -> None:
    """The summary. What it leaves out, `print_status_details` has."""
    # A command that is broken over two lines cannot be copied.
    sentence = re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\xa0"), store_verdict(store))
    for line in textwrap.wrap(sentence, terminal_width(), max_lines=_SENTENCE_LINES, placeholder=" …"):
        print_line(line.replace("\xa0", " "))
    print_line()
    contents = store.contents
    if contents is not None:
        _print_views(contents.views)
        print_line()
        _print_fact("Last run", _last_run(contents))
        _print_fact("Gate", _gate(contents))
        _print_fact("Intake", _intake(contents))
        _print_fact("Alerts", _alerts(contents))
    _print_fact("Storage", _storage(store))
    _print_fact("More", "`pikkit status --all`, `pikkit gate`, `pikkit runs`, `pikkit report`")


def _print_fact(name: str, text: str) -> None:
    print_line(cut(f"{name:<10}{text}", terminal_width()))


def _print_views(views: list[ViewStatus]) -> None:
    rows = [
        (view.name, view.ttl, view.offline.state, view.offline.age, view.online.state, view.online.age, _equal(view))
        for view in views
    ]
    print_table(["view", "TTL", "offline", "age", "online", "age", "equal"], rows, width=terminal_width())


def _equal(view: ViewStatus) -> str | None:
    """How many of the sampled keys stand online as Postgres has them."""
    sample = view.sample
    if sample is None or not sample.keys:
        return None
    return f"{sample.keys - sample.missing - sample.differing}/{sample.keys}"


def _last_run(contents: Contents) -> str:
    run = contents.last_run
    if run is None:
        return "none yet"
    ended = f"{run.verb} {contents.short_run_ids[run.run_id]} {run.state}"
    if run.error:
        return f"{ended}: {first_line(run.error)}"
    parts = [ended, f"{run.started_at:%Y-%m-%dT%H:%M:%SZ}"]
    if run.finished_at is not None and run.state != "died":
        parts.append(f"took {span(run.finished_at - run.started_at)}")
    return ", ".join([*parts, run.source] if run.source else parts)


def _gate(contents: Contents) -> str:
    gate = contents.gate
    if gate is None:
        return "nothing was judged yet"
    return (
        f"{gate.state}, run {contents.short_run_ids[gate.run_id]}: {gate.judged} of {counted(gate.checks, 'check')} "
        f"judged, {gate.failed} failed, {gate.warned} warned"
    )


def _intake(contents: Contents) -> str:
    intake, open_rows = contents.intake, contents.rows["quarantine.bets, open"]
    if intake is None:
        return "nothing was read yet"
    read = f"{counted(intake.rows_read, 'row')} read, {intake.accepted:,} accepted, {intake.quarantined:,} refused"
    return f"{read}; {open_rows:,} open in quarantine"


def _alerts(contents: Contents) -> str:
    if not contents.alerts:
        return "none open"
    return f"{len(contents.alerts):,} open: {', '.join(alert.cause for alert in contents.alerts)}"


def _storage(store: StoreStatus) -> str:
    from feature_repo.errors import Unreachable

    postgres = f"Postgres {data_size(sum(store.bytes.values()))}"
    if isinstance(store.online, Unreachable):
        return f"{postgres}; Redis does not answer"
    redis = "-" if store.online.bytes is None else data_size(store.online.bytes)
    return f"{postgres}, Redis {redis}, {counted(store.online.keys, 'key')} online"
