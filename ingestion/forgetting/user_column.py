"""Whose bet a row is, as the source's user column says (USER_COLUMN), and the row without that person's name.

The name is replaced by its keyed digest wherever the column stands in a payload; all else of the payload stays as it
came, to the character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import polars as pl

from ingestion.forgetting.keyed_digests import KeyedDigests
from ingestion.sources.settings import DEFAULTS

#: What the column is called unless USER_COLUMN says otherwise.
DEFAULT_USER_COLUMN: Final = DEFAULTS["USER_COLUMN"]
# How a digest stands in a payload, in place of the user: a row that is read again from there is still theirs.
_DIGEST: Final = "hmac:"
_DIGEST_TEXT: Final = re.compile(rf"{_DIGEST}[0-9a-f]{{64}}")
_VALUE: Final = r'("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false)'


@dataclass(frozen=True)
class UserColumn:
    """The user column of the sources of one store."""

    name: str
    digests: KeyedDigests
    _known: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _member(self) -> re.Pattern[str]:
        return re.compile(rf"({re.escape(json.dumps(self.name))}\s*:\s*){_VALUE}")

    def digest(self, user: str) -> bytes:
        """The digest of a user, or the one that stands for a user already."""
        known = self._known.get(user)
        if known is None and _DIGEST_TEXT.fullmatch(user):
            known = self._known[user] = bytes.fromhex(user.removeprefix(_DIGEST))
        if known is None:
            known = self._known[user] = self.digests.digest("user", user)
        return known

    def user_of(self, payload: str) -> str | None:
        """The user in a payload (JSON); null where it names none."""
        found = self._member.search(_text_of(payload))
        return _user(found[2]) if found else None

    def pseudonymised(self, payload: pl.Series) -> tuple[pl.Series, pl.Series]:
        """The payloads with digests in hex in place of users, and the digest of the user of each (binary, or null)."""
        has_column = payload.str.contains(self.name, literal=True).fill_null(False)
        if not has_column.any():
            return payload, pl.Series("user_digest", [None], dtype=pl.Binary).new_from_index(0, len(payload))
        texts, digests = list[str](), list[bytes | None]()
        for text in payload:
            user = self.user_of(text)
            digests.append(None if user is None else self.digest(user))
            texts.append(text if user is None else self._without_users(text))
        return pl.Series(payload.name, texts, dtype=pl.String), pl.Series("user_digest", digests, dtype=pl.Binary)

    def digests_of(self, users: pl.Series) -> pl.Series:
        """The digest of each of these users (binary), null where there is none."""
        digests = [None if user is None else self.digest(user) for user in users]
        return pl.Series("user_digest", digests, dtype=pl.Binary)

    def _without_users(self, payload: str) -> str:
        def replaced(member: re.Match[str]) -> str:
            return f'{member[1]}"{_DIGEST}{self.digest(_user(member[2])).hex()}"'

        return _with_text(payload, lambda text: self._member.sub(replaced, text))


def _user(value: str) -> str:
    """The user, of the JSON of the value."""
    return str(json.loads(value)) if value.startswith('"') else value


def _text_of(payload: str) -> str:
    """The text of a row: its payload, or what that quotes where the row was no JSON object."""
    return str(json.loads(payload)) if payload.startswith('"') else payload


def _with_text(payload: str, change: Callable[[str], str]) -> str:
    return json.dumps(change(str(json.loads(payload)))) if payload.startswith('"') else change(payload)
