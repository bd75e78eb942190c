"""The published tables in a Supabase project, over its REST API: what they hold, upserts, deletes.

A write may be asked for twice, since nobody knows whether a lost answer meant a lost request; doing it again changes
nothing. It is believed when the answer says how many rows it covered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from feature_repo.errors import Unreachable
from ingestion.serving.publish_supabase.tables import PublishedKey, PublishedRow, PublishedTable
from ingestion.sources.retry import TransientFailure
from ingestion.sources.settings import SupabaseProject
from ingestion.sources.supabase.keyset import in_addresses, literal
from ingestion.sources.supabase.rest import ProjectDenied, Rest, opened

if TYPE_CHECKING:
    import httpx

# What Supabase caps pages at unless told otherwise; a smaller cap only makes more pages.
_PAGE: Final = 1000
# How often a table is read whose pages do not add up to its count, as when somebody else writes it.
_READS: Final = 5


@contextmanager
def open_target(project: SupabaseProject, patience: timedelta, told: Callable[[str], None]) -> Iterator[SupabaseTarget]:
    """The tables, for the key that may write them. `told` hears of each wait.

    A `ProjectDenied` says where the tables and the key come from.
    """
    try:
        with opened(project, project.publish_key, patience, told) as rest:
            yield SupabaseTarget(rest)
    except ProjectDenied as error:
        error.next_step = (
            "docs/supabase.sql makes the tables, their rights and the key (SUPABASE_PUBLISH_KEY) in SUPABASE_URL"
        )
        raise


class SupabaseTarget:
    """An open connection. Everything here raises ProjectDenied, and Unreachable once retries are used up."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def held(self, table: PublishedTable) -> dict[PublishedKey, PublishedRow]:
        """Every row of a table."""
        for _ in range(_READS):
            rows, total = self._read(table)
            if len(rows) == total:
                return rows
        raise Unreachable(
            f"{self._rest.project.host} gives {len(rows):,} rows of {table.name} and says there are {total:,}",
            "Nothing was published",
            "Run the command again when nobody else writes the table",
            service=self._rest.project.host,
        )

    def upsert(self, table: PublishedTable, rows: Sequence[PublishedRow]) -> None:
        """Insert rows, or replace those with the same key."""
        documents = [table.sent(row) for row in rows]
        key = ",".join(table.key)

        def request() -> Any:
            return self._table(table).upsert(documents, on_conflict=key, count="exact", returning="minimal")

        def check(answer: httpx.Response) -> None:
            if (covered := _covered(answer)) != len(rows):
                raise TransientFailure(f"an answer for {covered} rows to {len(rows):,} that were sent")

        self._rest.send(request, check)

    def delete(self, table: PublishedTable, keys: Sequence[PublishedKey]) -> None:
        """Delete the rows with these keys, as far as they are still there."""
        condition = ",".join(_is(table, key) for key in keys)
        self._rest.send(
            lambda: self._table(table).delete(count="exact", returning="minimal").or_(condition),
            _covered,
        )

    def batches(self, table: PublishedTable, keys: Sequence[PublishedKey]) -> Iterator[list[PublishedKey]]:
        """The keys, as many at a time as an address can hold."""
        return in_addresses(keys, partial(_is, table))

    def _table(self, table: PublishedTable) -> Any:
        return self._rest.client.table(table.name)

    def _read(self, table: PublishedTable) -> tuple[dict[PublishedKey, PublishedRow], int]:
        """The rows that come in pages, and how many there are by the first page."""
        page = self._rest.rows(partial(self._page, table, None))
        total, held = page.total or 0, dict[PublishedKey, PublishedRow]()
        while page.records:
            rows = [table.received(record) for record in page.records]
            held |= {table.key_of(row): row for row in rows}
            if len(rows) == page.total:
                break
            last = table.key_of(rows[-1])
            page = self._rest.rows(partial(self._page, table, last))
        return held, total

    def _page(self, table: PublishedTable, after: PublishedKey | None) -> Any:
        selected = self._table(table).select(*table.selection, count="exact")
        if after is not None:
            selected = selected.or_(_past(table, after))
        for column in table.key:
            selected = selected.order(column)
        return selected.limit(_PAGE)


def _covered(answer: httpx.Response) -> int:
    """How many rows a write covered. Raises TransientFailure where the answer does not say, as a web page does not."""
    _, _, total = answer.headers.get("Content-Range", "").partition("/")
    if not total.isdecimal():
        raise TransientFailure("an answer that is not PostgREST's")
    return int(total)


def _is(table: PublishedTable, key: PublishedKey) -> str:
    return _all([f"{column}.eq.{literal(value)}" for column, value in zip(table.key, key, strict=True)])


def _past(table: PublishedTable, key: PublishedKey) -> str:
    """The rows after this key, in the order of its columns."""
    equal = [f"{column}.eq.{literal(value)}" for column, value in zip(table.key, key, strict=True)]
    greater = [f"{column}.gt.{literal(value)}" for column, value in zip(table.key, key, strict=True)]
    return ",".join(_all([*equal[:place], greater[place]]) for place in range(len(key)))


def _all(conditions: Sequence[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f"and({','.join(conditions)})"
