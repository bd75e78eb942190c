"""The sports, leagues, markets, books and bet types that the store knows, each with its bets. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from feature_repo.declarations.groups import GROUPS
from feature_repo.errors import ConfigurationError
from feature_repo.group_keys import make_key
from feature_repo.near_names import did_you_mean
from ingestion.database.access import statement

# What can be listed: the columns of one name, and those of the groups that are looked up by several.
NAME_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "sport": ("sport",),
    "league": ("league",),
    "market": ("market",),
    "book": ("institution_name",),
    "bet_type": ("bet_type",),
    **{group.name: group.columns for group in GROUPS if len(group.columns) > 1},
}


@dataclass(frozen=True)
class KnownName:
    """A name of a column, or the names of a group, and the bets that have it now: all, the graded ones, the newest.

    `key` is what the group is looked up by (`feature_repo/group_keys.py`), `names` column -> name, null where bets have
    none.
    """

    key: str
    names: dict[str, str | None]
    bets: int
    graded: int
    newest_placed_at: datetime | None


def columns_of(kind: str) -> tuple[str, ...]:
    """The columns of a kind. Raises ConfigurationError for one that there is not, with the nearest."""
    if kind not in NAME_KINDS:
        raise ConfigurationError(
            f"There is no kind of name called {kind!r}{did_you_mean(kind, NAME_KINDS)}",
            "Nothing was done",
            f"Give one of {', '.join(NAME_KINDS)}; without one, `pikkit groups` counts them all",
        )
    return NAME_KINDS[kind]


def known_names(connection: psycopg.Connection) -> dict[str, list[KnownName]]:
    """Kind -> its names, those of the most bets first. One scan of the bets; deleted ones do not count."""
    with connection.cursor(row_factory=dict_row) as cursor:
        combinations = cursor.execute(statement("name_counts")).fetchall()
    return {kind: _summed(columns, combinations) for kind, columns in NAME_KINDS.items()}


def _summed(columns: tuple[str, ...], combinations: Iterable[dict[str, Any]]) -> list[KnownName]:
    sums: dict[tuple[str | None, ...], KnownName] = {}
    for row in combinations:
        values = tuple(row[column] for column in columns)
        before = sums.get(values)
        instants = [row["newest_placed_at"], before.newest_placed_at if before else None]
        sums[values] = KnownName(
            key=before.key if before else make_key(values),
            names=before.names if before else dict(zip(columns, values, strict=True)),
            bets=row["bets"] + (before.bets if before else 0),
            graded=row["graded"] + (before.graded if before else 0),
            newest_placed_at=max((instant for instant in instants if instant), default=None),
        )
    return sorted(sums.values(), key=lambda one: (-one.bets, one.key))
