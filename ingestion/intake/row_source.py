"""What a load reads: pages of rows, and what it has to know of where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from ingestion.sources.page import Page


class RowSource(Protocol):
    """Where bets come from."""

    @property
    def name(self) -> str:
        """The stream that sync_state keeps its place under."""

    @property
    def is_table(self) -> bool:
        """Whether its rows say what is now, not what was."""

    @property
    def is_partial(self) -> bool:
        """Whether it covers a part only of what changed, so that the next sync must not go on from its end."""

    @property
    def row_count(self) -> int | None:
        """How many rows there are, where the source can say it beforehand."""

    def pages(self) -> Iterator[Page]:
        """The rows, a page at a time."""


@runtime_checkable
class RowsOfTable(RowSource, Protocol):
    """Rows of a table that can be asked for more than it was to show."""

    @property
    def is_everything(self) -> bool:
        """Whether these are all rows of the table."""

    @property
    def shows_all_rows_of_ids(self) -> bool:
        """Whether of each id that it shows it shows every row."""

    def repeated_among(self, ids: Sequence[str]) -> set[str]:
        """Those of these ids that more than one row of the table has."""
