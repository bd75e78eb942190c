"""By what the store knows again whom it has forgotten: digests by a random key of its own, never the name itself.

Who can read the key (ops.digest_key) and has a name can tell whether it was forgotten; nobody can read names out of
the digests alone.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl
import psycopg

from ingestion.database.access import statement

Kind = Literal["bet", "user"]
_KEY_BYTES: Final = 32
# Words of a row that cannot be read: ids and names are mostly one by the first pattern, or by the second.
_WORDS: Final = (re.compile(r"[\w-]+"), re.compile(r"[^\s\"',;:\\{}\[\]()<>|]+"))


@dataclass(frozen=True)
class KeyedDigests:
    """The digests of one store."""

    key: bytes

    @classmethod
    def of_store(cls, connection: psycopg.Connection) -> KeyedDigests:
        """Those of this store, which gets its key when it is first asked for one."""
        row = connection.execute(statement("digest_key"), {"key": secrets.token_bytes(_KEY_BYTES)}).fetchone()
        if row is None:
            raise LookupError("no key")
        return cls(row[0])

    def digest(self, kind: Kind, name: str) -> bytes:
        """HMAC-SHA-256 of the id of a bet, or of a user as the source names it."""
        return hmac.digest(self.key, f"{kind}\0{name}".encode("utf-8", "surrogatepass"), "sha256")


@dataclass(frozen=True)
class Forgotten:
    """Which bets and users a store has forgotten. False in a condition when that is none."""

    digests: KeyedDigests
    bets: frozenset[bytes]
    users: frozenset[bytes]

    @classmethod
    def of_store(cls, connection: psycopg.Connection) -> Forgotten:
        """What this store has forgotten."""
        kinds: dict[str, set[bytes]] = {"bet": set(), "user": set()}
        for digest, kind in connection.execute(statement("forgotten_digests")):
            kinds[kind].add(digest)
        return cls(KeyedDigests.of_store(connection), frozenset(kinds["bet"]), frozenset(kinds["user"]))

    def __bool__(self) -> bool:
        return bool(self.bets or self.users)

    def among(self, ids: Iterable[str | None]) -> set[str]:
        """Those of these ids whose bets are forgotten."""
        if not self.bets:
            return set()
        return {bet for bet in ids if bet is not None and self.digests.digest("bet", bet) in self.bets}

    def kept(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows (id, user_digest, payload) of bets and users that are not forgotten, in their order.

        A row without an id could not be read: it is left out where a word of it names one that is forgotten.
        """
        if not self:
            return rows
        bets = rows["id"].is_in(list(self.among(rows["id"].unique()))).fill_null(False)
        users = rows["user_digest"].is_in(list(self.users)).fill_null(False)
        unreadable = rows.select(
            pl.when(pl.col("id").is_null()).then("payload").map_elements(self._is_named, return_dtype=pl.Boolean)
        ).to_series()
        return rows.filter(~(bets | users | unreadable.fill_null(False)))

    def _is_named(self, text: str) -> bool:
        """Whether a word of a text is the name of a forgotten bet or user. A number may count anything, and is none."""
        words = {word for pattern in _WORDS for word in pattern.findall(text) if not word.isdecimal()}
        return any(
            self.digests.digest("bet", word) in self.bets or self.digests.digest("user", word) in self.users
            for word in words
        )
