"""Names struck out of prose and JSON: whole words only, in JSON of texts only, so that no number is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Json, Jsonb

from ingestion.database.access import statement

STRUCK: Final = "(forgotten)"
_WORD: Final = re.compile(r"[\w-]+")
# So many names at the most are looked for in the database; of more every text is fetched.
_MOST_ASKED: Final = 20
_WRAPPED: Final[Mapping[str, Any]] = {"json": Json, "jsonb": Jsonb}


@dataclass(frozen=True)
class PersonalNames:
    """PersonalNames of bets and people that are to be struck out."""

    names: frozenset[str]

    @cached_property
    def _odd(self) -> re.Pattern[str] | None:
        """What finds the names that are more than one word, the longest first."""
        odd = sorted((name for name in self.names if name and not _WORD.fullmatch(name)), key=len, reverse=True)
        return re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in odd)) if odd else None

    @property
    def spellings(self) -> list[str]:
        """The names as a text of the database may have them: as they are, and as JSON spells them."""
        return sorted(
            {spelling for name in self.names for spelling in (name, json.dumps(name, ensure_ascii=False)[1:-1])}
        )

    def stands_in(self, text: str) -> bool:
        """Whether a text holds one of the names as a whole word. Numbers may count anything, and are not looked for."""
        telling = PersonalNames(frozenset(name for name in self.names if not name.isdecimal()))
        return bool(telling.struck(text) != text)

    def struck(self, value: Any) -> Any:
        """The same text, or what JSON holds, with STRUCK in place of every name; an equal value where there is none."""
        if isinstance(value, str):
            text = self._odd.sub(STRUCK, value) if self._odd else value
            return _WORD.sub(lambda word: STRUCK if word[0] in self.names else word[0], text)
        if isinstance(value, dict):
            return {self.struck(name): self.struck(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self.struck(member) for member in value]
        return value


def strike_column(connection: psycopg.Connection, table: str, column: str, names: PersonalNames) -> tuple[int, int]:
    """Strike names out of a column of text or JSON. Returns how many values it has, and how many were changed."""
    parts = {"table": sql.Identifier(*table.split(".")), "column": sql.Identifier(column)}
    asked = names.spellings if len(names.names) <= _MOST_ASKED else None
    (values,) = connection.execute(sql.SQL(statement("strike_count")).format(**parts)).fetchone() or (0,)
    changed = []
    with connection.cursor(name="texts") as cursor:
        cursor.execute(sql.SQL(statement("strike_candidates")).format(**parts), {"names": asked})
        for place, value, kind in cursor:
            struck = names.struck(value)
            if struck != value:
                changed.append((place, _WRAPPED.get(kind, str)(struck)))
    update = sql.SQL(statement("strike_value")).format(**parts)
    for place, value in changed:
        connection.execute(update, {"place": place, "value": value})
    return values, len(changed)
