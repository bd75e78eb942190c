"""The verb quarantine show: all that is known of a refused row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line
from ingestion.cli.quarantine.selection import BetId
from ingestion.cli.stores import begin, stores
from ingestion.cli.tables import print_advice, print_table
from ingestion.wording import plain

if TYPE_CHECKING:
    from ingestion.quarantine.refused_rows import RefusedRow


def show(
    seq: Annotated[int | None, typer.Argument(metavar="SEQ", min=1, max=2**63 - 1, help="The row, by its seq.")] = None,
    bet_id: BetId = None,
    json: Json = False,
) -> None:
    """Show all that is known of a refused row."""
    from feature_repo.errors import ConfigurationError
    from ingestion.database.read_only import read_only_store
    from ingestion.quarantine.refused_rows import Selection, listing
    from ingestion.runs.run_ids import short_run_ids

    if (seq is None) == (bet_id is None):
        raise ConfigurationError("One of SEQ and --id is needed", "Nothing was done", "")
    connections = stores(begin(), create=False)
    selection = Selection((seq,) if seq is not None else (), state=None, id=bet_id)
    with read_only_store(connections.postgres, purpose="quarantine show") as connection:
        refused = listing(connection, selection)
        runs = short_run_ids(connection, {row.run_id for row in refused.rows})
    if not refused.rows:
        raise ConfigurationError(
            f"The quarantine has no row of bet {bet_id!r}",
            "Nothing was done",
            "`pikkit quarantine list --state all` shows which there are",
        )
    if json:
        print_json([vars(row) for row in refused.rows])
        return
    for row in refused.rows:
        _print_row(row, runs[row.run_id])
    print_line("Nothing was changed.")


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
