"""The verb quarantine dismiss: open rows dismissed, with the reason."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json, Now
from ingestion.cli.output import print_line
from ingestion.cli.quarantine.selection import (
    All,
    BetId,
    Reason,
    RefusedSourceOption,
    Seqs,
    Since,
    Until,
    check_narrowed,
    refused_row_selection,
)
from ingestion.cli.stores import begin, prepared_stores
from ingestion.wording import counted


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
    """Dismiss open rows, and note why. They stay in the quarantine."""
    from feature_repo.errors import ConfigurationError
    from ingestion.quarantine.refused_rows import dismiss_quarantined, reopen

    settings = begin(now)
    selection = refused_row_selection(seq, reason, bet_id, source, since, until)
    check_narrowed(selection, everything=everything)
    note = (why or "").strip()
    if undo == bool(note):
        raise ConfigurationError(
            "--undo needs no --why" if undo else "--why is missing: the reason for which these rows are dismissed",
            "Nothing was changed",
            "",
        )
    connections = prepared_stores(settings, create=False)
    if undo:
        changed = reopen(connections, selection)
        sentence = (
            f"{counted(changed['open'], 'row')} open again, {changed['superseded']:,} superseded in the meantime."
        )
    else:
        changed = {"dismissed": dismiss_quarantined(connections, selection, note=note, everything=everything)}
        sentence = (
            f"{counted(changed['dismissed'], 'row')} dismissed. `pikkit quarantine dismiss --undo` takes it back."
        )
    if json:
        print_json(changed)
    else:
        print_line(sentence if any(changed.values()) else "No row is meant by that. Nothing was changed.")
