"""The verbs that deal with refused rows: quarantine list, show, retry, dismiss."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ingestion.cli.output import (
    Json,
    Now,
    plain,
    print_advice,
    print_json,
    print_json_with_rows,
    print_line,
    print_refused,
    print_table,
    progress_bar,
)
from ingestion.cli.runs import ClockAheadOption
from ingestion.cli.stores import begin, prepared_stores, stores
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.quarantine.refused_rows import QuarantineState, RefusedRow, Selection
    from ingestion.quarantine.retry import RetrySummary
    from ingestion.runs.record import FinishedRun

# What is longer is cut in a list; `show` and --json have all of it.
_LONGEST = 60

quarantine_app = typer.Typer(
    name="quarantine",
    help="Rows that were refused: list, show, retry, dismiss them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class StateFilter(StrEnum):
    """What may have become of a row."""

    open = "open"
    accepted = "accepted"
    superseded = "superseded"
    dismissed = "dismissed"
    all = "all"


# A seq is a bigint of Postgres.
Seqs = Annotated[list[int] | None, typer.Argument(metavar="SEQ", min=1, max=2**63 - 1, help="The rows, by their seq.")]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Rows with this in a reason, in any letter case.")
]
BetId = Annotated[str | None, typer.Option("--id", metavar="ID", help="Rows of this bet.")]
RefusedSourceOption = Annotated[str | None, typer.Option("--source", metavar="SOURCE", help="Rows from this source.")]
Since = Annotated[str | None, typer.Option("--since", metavar="INSTANT", help="Rows received then or later.")]
Until = Annotated[str | None, typer.Option("--until", metavar="INSTANT", help="Rows received before then.")]
All = Annotated[bool, typer.Option("--all", help="All rows that the other options leave, also when that is every one.")]


@quarantine_app.command("list")
def list_(
    state: Annotated[StateFilter, typer.Option("--state", help="Rows that this became of.")] = StateFilter.open,
    reason: Reason = None,
    bet_id: BetId = None,
    source: RefusedSourceOption = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many to show; --json shows all.")] = 20,
    json: Json = False,
) -> None:
    """Count the refused rows per reason, and list the newest."""
    from ingestion.database.read_only import read_only_store
    from ingestion.quarantine.refused_rows import listing, summary

    connections = stores(begin(), create=False)
    selection = _selection(None, reason, bet_id, source, since, until, state)
    with read_only_store(connections.postgres, purpose="quarantine list") as connection:
        if json:
            count, reasons, rows = summary(connection, selection)
            print_json_with_rows({"count": count, "reasons": reasons}, "rows", map(_document, rows))
            return
        found = listing(connection, selection, limit=limit)
    if found.rows:
        print_refused(found.reasons)
        print_line()
        print_table(["seq", "id", "received", "source", "state", "reasons"], map(_line, found.rows))
        print_line()
    kind = "" if state is StateFilter.all else f"{state} "
    more = f" {found.count - len(found.rows):,} more are not shown." if found.count > len(found.rows) else ""
    print_line(f"{counted(found.count, f'{kind}row')}.{more} Nothing was changed.")


@quarantine_app.command()
def show(
    seq: Annotated[int | None, typer.Argument(metavar="SEQ", min=1, max=2**63 - 1, help="The row, by its seq.")] = None,
    bet_id: BetId = None,
    json: Json = False,
) -> None:
    """Show all that is known of a refused row."""
    from ingestion.database.read_only import read_only_store
    from ingestion.errors import ConfigurationError
    from ingestion.quarantine.refused_rows import Selection, listing
    from ingestion.runs.run_ids import short_run_ids

    if (seq is None) == (bet_id is None):
        raise ConfigurationError("One of SEQ and --id is needed", "Nothing was done", "")
    connections = stores(begin(), create=False)
    selection = Selection((seq,) if seq is not None else (), state=None, id=bet_id)
    with read_only_store(connections.postgres, purpose="quarantine show") as connection:
        found = listing(connection, selection)
        runs = short_run_ids(connection, {row.run_id for row in found.rows})
    if not found.rows:
        raise ConfigurationError(
            f"The quarantine has no row of bet {bet_id!r}",
            "Nothing was done",
            "`pikkit quarantine list --state all` shows which there are",
        )
    if json:
        print_json([_document(row) for row in found.rows])
        return
    for row in found.rows:
        _print_row(row, runs[row.run_id])
    print_line("Nothing was changed.")


@quarantine_app.command()
def retry(
    seq: Seqs = None,
    reason: Reason = None,
    bet_id: BetId = None,
    source: RefusedSourceOption = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    clock_ahead: ClockAheadOption = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Judge open rows again by the schema of today. Sound ones enter the log.

    They count from now on. For after a fix of the schema, or of the clock.
    """
    from ingestion.quarantine.retry import retry_quarantined as retry_rows

    settings = begin(now)
    selection = _narrowed(_selection(seq, reason, bet_id, source, since, until), everything=everything)
    with progress_bar() as progress:
        done = retry_rows(
            prepared_stores(settings, create=False), selection, clock_ahead=clock_ahead, progress=progress
        )
    counts = done.summary
    if json:
        print_json({"run_id": done.run_id} | counts.document())
        return
    if counts.reasons:
        print_table(["still refused for", "rows"], [(plain(text), rows) for text, rows in counts.reasons.items()])
        print_line()
    print_line(_retried(done))


@quarantine_app.command()
def dismiss(
    seq: Seqs = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="The reason; kept with the row.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the dismissal of rows back.")] = False,
    reason: Reason = None,
    bet_id: BetId = None,
    source: RefusedSourceOption = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Let open rows be, and note why. They stay in the quarantine."""
    from ingestion.errors import ConfigurationError
    from ingestion.quarantine.refused_rows import dismiss_quarantined as dismiss_rows
    from ingestion.quarantine.refused_rows import reopen

    settings = begin(now)
    selection = _narrowed(_selection(seq, reason, bet_id, source, since, until), everything=everything)
    note = (why or "").strip()
    if undo == bool(note):
        raise ConfigurationError(
            "--undo needs no --why" if undo else "--why is missing: the reason for which these rows are let be",
            "Nothing was changed",
            "",
        )
    connections = prepared_stores(settings, create=False)
    if undo:
        changed = reopen(connections, selection)
        told = f"{counted(changed['open'], 'row')} open again, {changed['superseded']:,} superseded in the meantime."
    else:
        changed = {"dismissed": dismiss_rows(connections, selection, note=note, everything=everything)}
        told = f"{counted(changed['dismissed'], 'row')} dismissed. `pikkit quarantine dismiss --undo` takes it back."
    if json:
        print_json(changed)
    else:
        print_line(told if any(changed.values()) else "No row is meant by that. Nothing was changed.")


def _selection(
    seqs: list[int] | None,
    reason: str | None,
    bet_id: str | None,
    source: str | None,
    since: str | None,
    until: str | None,
    state: StateFilter = StateFilter.open,
) -> Selection:
    from ingestion.clock import parse_instant
    from ingestion.quarantine.refused_rows import Selection

    return Selection(
        tuple(seqs or ()),
        None if state is StateFilter.all else cast("QuarantineState", state.value),
        reason or None,
        bet_id,
        source,
        parse_instant(since) if since else None,
        parse_instant(until) if until else None,
    )


def _narrowed(selection: Selection, *, everything: bool) -> Selection:
    from ingestion.errors import ConfigurationError

    if not selection.is_narrowed and not everything:
        raise ConfigurationError(
            "Nothing says which rows are meant", "Nothing was changed", "Name them by SEQ or by a filter, or give --all"
        )
    return selection


def _retried(done: FinishedRun[RetrySummary]) -> str:
    counts = done.summary
    if not counts.selected:
        return "No open row is meant by that. Nothing was changed."
    refused = f"{counted(counts.refused, 'row')} still refused"
    if not counts.accepted:
        return f"Retry {done.short_id}: {refused}. The log was not changed."
    older = f" ({counts.superseded:,} of them older than what is known of their bet)" if counts.superseded else ""
    return (
        f"Retry {done.short_id}: {counted(counts.accepted, 'row')} accepted as "
        f"{counted(counts.versions, 'new bet version')}{older}"
        f", {refused}. `pikkit run` publishes them."
    )


# ---- a row ----------------------------------------------------------------------------------------------------------


def _document(row: RefusedRow) -> dict[str, Any]:
    return vars(row)


def _line(row: RefusedRow) -> tuple[Any, ...]:
    texts = (_cut(row.id), row.received_at, _cut(row.source), row.state, _cut("; ".join(row.reasons)))
    return (str(row.seq), *texts)


def _print_row(row: RefusedRow, run: str) -> None:
    from ingestion.quarantine.refused_rows import values_of

    facts = [
        ("seq", str(row.seq)),
        ("bet", row.id and plain(row.id)),
        ("received", row.received_at),
        ("from", plain(row.source)),
        ("run", run),
        ("state", _fate(row)),
        *(("refused for" if not number else "", plain(reason)) for number, reason in enumerate(row.reasons)),
    ]
    print_table(["", ""], facts)
    print_advice(row.reasons)
    if values := values_of(row.payload):
        at_fault = {reason.split(":", 1)[0] for reason in row.reasons}
        print_line()
        print_table(
            ["", "column", "value as it was sent"],
            [(">" if name in at_fault else "", plain(name), plain(value)) for name, value in values],
        )
    print_line()
    print_line(plain(row.payload))
    print_line()


def _fate(row: RefusedRow) -> str:
    if row.state == "open":
        return "open"
    when = f"{row.settled_at:%Y-%m-%dT%H:%M:%SZ}" if row.settled_at else "an unknown time"
    if row.state == "dismissed":
        return f"dismissed at {when}: {plain(row.note or '')}"
    return f"{row.state} at {when} {'as' if row.state == 'accepted' else 'by'} version {row.settled_by}"


def _cut(text: str | None) -> str | None:
    shown = plain(text[: _LONGEST + 1]) if text is not None else None
    return shown if shown is None or len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
