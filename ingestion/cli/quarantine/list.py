"""The verb quarantine list: refused rows counted per reason, and the newest of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.documents import print_json_with_rows
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_sentence
from ingestion.cli.quarantine.selection import (
    BetId,
    Reason,
    RefusedSourceOption,
    Since,
    StateFilter,
    Until,
    refused_row_selection,
)
from ingestion.cli.stores import begin, stores
from ingestion.cli.tables import print_refused, print_table
from ingestion.wording import counted, plain

if TYPE_CHECKING:
    from ingestion.quarantine.refused_rows import RefusedRow

# What is longer is cut in a list; `show` and --json have all of it.
_LONGEST = 60


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
    selection = refused_row_selection(None, reason, bet_id, source, since, until, state)
    with read_only_store(connections.postgres, purpose="quarantine list") as connection:
        if json:
            count, reasons, rows = summary(connection, selection)
            print_json_with_rows({"count": count, "reasons": reasons}, "rows", map(vars, rows))
            return
        refused = listing(connection, selection, limit=limit)
    if refused.rows:
        print_refused(refused.reasons)
        print_line()
        print_table(["seq", "id", "received", "state", "reasons, source"], map(_line, refused.rows), wrap=True)
        print_line()
    kind = "" if state is StateFilter.all else f"{state} "
    more = f" {refused.count - len(refused.rows):,} more are not shown." if refused.count > len(refused.rows) else ""
    print_sentence(f"{counted(refused.count, f'{kind}row')}.{more} Nothing was changed.")


def _line(row: RefusedRow) -> tuple[Any, ...]:
    why = f"{_cut('; '.join(row.reasons))}, {_cut(row.source)}"
    return str(row.seq), _cut(row.id), row.received_at, row.state, why


def _cut(text: str | None) -> str | None:
    printable = plain(text[: _LONGEST + 1]) if text is not None else None
    return printable if printable is None or len(printable) <= _LONGEST else f"{printable[: _LONGEST - 1]}…"
