"""The options that say which refused rows a verb is about, and the selection that they make."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from ingestion.quarantine.refused_rows import QuarantineState, Selection


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


def refused_row_selection(
    seqs: list[int] | None,
    reason: str | None,
    bet_id: str | None,
    source: str | None,
    since: str | None,
    until: str | None,
    state: StateFilter = StateFilter.open,
) -> Selection:
    """The refused rows that these options mean. Raises ConfigurationError where an instant cannot be read."""
    from feature_repo.clock import parse_instant
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


def check_narrowed(selection: Selection, *, everything: bool) -> None:
    """Raise ConfigurationError when the selection means every open row and --all was not given."""
    from feature_repo.errors import ConfigurationError

    if not selection.is_narrowed and not everything:
        raise ConfigurationError(
            "Nothing says which rows are meant", "Nothing was changed", "Name them by SEQ or by a filter, or give --all"
        )
