"""Names that differ in letter case only: two groups that are probably one. They are reported, never merged."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Final

import psycopg

from feature_repo.declarations.groups import INSTITUTION, SPORT, SPORT_LEAGUE, SPORT_MARKET, Group
from feature_repo.group_keys import split_key
from ingestion.database.access import statement

# For each column of names the smallest grouping that has it, whose state says how many bets are graded.
_COUNTED_BY: Final[dict[str, Group]] = {
    "sport": SPORT,
    "league": SPORT_LEAGUE,
    "market": SPORT_MARKET,
    "institution_name": INSTITUTION,
}


@dataclass(frozen=True)
class NameVariants:
    """The spellings of one name of a column, each with its number of graded bets; at least two have some."""

    column: str
    graded: dict[str, int]

    def __str__(self) -> str:
        return f"{self.column} " + ", ".join(f"{name} ({bets:,})" for name, bets in self.graded.items())


def name_variants(connection: psycopg.Connection) -> list[NameVariants]:
    """The names that differ from another in letter case only, by column and name, as far as they have graded bets.

    Reads each name once, and never a bet.
    """
    spellings = defaultdict[tuple[str, str], list[str]](list)
    for column, name in connection.execute(statement("vocabulary_names"), {"columns": list(_COUNTED_BY)}):
        spellings[column, name.casefold()].append(name)
    several = {key: names for key, names in spellings.items() if len(names) > 1}
    graded = {column: _graded(connection, column) for column in {column for column, _ in several}}
    counted = [
        NameVariants(column, {name: graded[column][name] for name in names if graded[column][name]})
        for (column, _), names in several.items()
    ]
    return [variants for variants in counted if len(variants.graded) > 1]


def _graded(connection: psycopg.Connection, column: str) -> Counter[str | None]:
    """How many graded bets each name of the column has."""
    group = _COUNTED_BY[column]
    part = group.columns.index(column)
    counts = Counter[str | None]()
    for key, graded in connection.execute(statement("graded_counts"), {"grouping": group.name}):
        counts[split_key(key)[part]] += graded
    return counts
