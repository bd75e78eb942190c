"""Which rows of a table a request means, in the filter language of PostgREST.

A span of rows is ordered by its keys, of which the last is the id, so that a page can begin after any row whatever
becomes of that row. A cursor is spelled as the server spelled it: fractions of any length compare right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from feature_repo.group_keys import NULL_PART
from ingestion.sources.table import StampWindow

# Bytes of a request's conditions as they stand in its address. Servers on the way take 8,000, some 4,000.
_IN_AN_ADDRESS: Final = 2800

KeyValues = tuple[Any, ...]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Span:
    """The rows that fulfil all conditions, in the order of `keys`."""

    keys: tuple[str, ...]
    conditions: tuple[str, ...] = ()

    def key(self, record: Mapping[str, Any]) -> KeyValues:
        """Where a row stands."""
        return tuple(record[name] for name in self.keys)

    def after(self, key: KeyValues | None) -> Span:
        """The rows behind this key; all of them for null."""
        return self if key is None else self._beside(key, "gt", "gt")

    def up_to(self, key: KeyValues | None) -> Span:
        """The rows before this key and the one that has it; all of them for null."""
        return self if key is None else self._beside(key, "lt", "lte")

    def _beside(self, key: KeyValues, past: str, last: str) -> Span:
        *stamps, identifier = (literal(part) for part in key)
        beside = f"id.{last}.{identifier}"
        if not stamps:
            return self._with(beside)
        (stamp,), name = stamps, self.keys[0]
        # The first condition says nothing new, but an index can use it.
        return self._with(f"{name}.{past}e.{stamp}", f"or({name}.{past}.{stamp},and({name}.eq.{stamp},{beside}))")

    def _with(self, *conditions: str) -> Span:
        return replace(self, conditions=self.conditions + conditions)

    def within(self, newest: Any) -> Span:
        """Those of the rows whose first key is no greater than this."""
        return self._with(f"{self.keys[0]}.lte.{literal(newest)}")

    @property
    def filters(self) -> str:
        """All conditions as one, for the parameter `or`; "" for none."""
        return f"and({','.join(self.conditions)})" if self.conditions else ""


def spans(window: StampWindow, columns: Collection[str]) -> list[Span]:
    """The rows of a window: those stamped by updated_at, those by created_at, and those without a stamp."""
    sport = () if window.sport is None else (_sport(window.sport),)
    found, unstamped = [], sport
    for stamp in (name for name in ("updated_at", "created_at") if name in columns):
        finite = (f"{stamp}.gt.-infinity", f"{stamp}.lt.infinity")
        found.append(Span((stamp, "id"), (*unstamped, *finite, *_between(stamp, window.since, window.until))))
        unstamped = (*unstamped, f"or({stamp}.is.null,{stamp}.eq.infinity,{stamp}.eq.-infinity)")
    return found if window.until else [*found, Span(("id",), unstamped)]


def spans_of(ids: Sequence[str]) -> Iterator[Span]:
    """The rows with these ids, as many in a span as an address can hold."""
    for batch in in_addresses(map(literal, ids), str):
        yield Span(("id",), (f"id.in.({','.join(batch)})",))


def in_addresses(items: Iterable[_T], spelled: Callable[[_T], str]) -> Iterator[list[_T]]:
    """The items, as many at a time as the address of a request can hold, spelled so and with commas between."""
    batch: list[_T] = []
    length = 0
    for item in items:
        size = len(quote(f"{spelled(item)},", safe=""))
        if batch and length + size > _IN_AN_ADDRESS:
            yield batch
            batch, length = [], 0
        batch.append(item)
        length += size
    if batch:
        yield batch


def literal(value: Any) -> str:
    """A value in a condition, quoted, so that no character of it means anything."""
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _between(stamp: str, since: datetime | None, until: datetime | None) -> Iterator[str]:
    if since is not None:
        yield f"{stamp}.gte.{literal(since.isoformat())}"
    if until is not None:
        yield f"{stamp}.lt.{literal(until.isoformat())}"


def _sport(sport: str) -> str:
    return "sport.is.null" if sport == NULL_PART else f"sport.eq.{literal(sport)}"
