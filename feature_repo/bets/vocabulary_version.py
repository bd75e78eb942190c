"""Which vocabulary a store has, and whether it goes on from the one that a model was trained on.

Codes only ever are added, so a vocabulary is known by the highest code of each column and a digest of the names up to
it. A model keeps the version of its training (`document`, in JSON); before it is trained further or serves from a
store, `check_vocabulary` says whether the store gives the same codes to the same names. Names that are new since are no
fault: to the model they are codes that it never saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from feature_repo.bets.vocabulary import ENCODED_COLUMNS
from feature_repo.errors import ConfigurationError, VocabularyDiffers
from feature_repo.postgres.queries import feast_statement


@dataclass(frozen=True)
class ColumnCodes:
    """The codes of one column."""

    #: 0 where no name has a code.
    highest_code: int
    #: SHA-256 of the names with their codes, up to that one, in hexadecimal.
    digest: str


@dataclass(frozen=True)
class VocabularyVersion:
    """The codes of all columns."""

    #: How many names have a code. It goes up by one with each.
    number: int
    columns: Mapping[str, ColumnCodes]

    def document(self) -> dict[str, Any]:
        """What JSON can hold, and `version_of_document` reads."""
        return asdict(self)


def version_of_document(document: Mapping[str, Any]) -> VocabularyVersion:
    """The version that `document` wrote. Raises ConfigurationError for anything else."""
    try:
        columns = {
            str(column): ColumnCodes(int(codes["highest_code"]), str(codes["digest"]))
            for column, codes in document["columns"].items()
        }
        return VocabularyVersion(int(document["number"]), columns)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"This is no version of a vocabulary: {error!r}",
            "Nothing was compared",
            "Hand over what VocabularyVersion.document() gave when the model was trained",
        ) from error


def vocabulary_version(connection: psycopg.Connection, *, known_until: datetime | None = None) -> VocabularyVersion:
    """The version of the store's vocabulary: now, or of the names that were known at an instant.

    Needs to read the schema `features` only. Names of which it is not known since when they are count as known.
    """
    rows = _codes(connection, dict.fromkeys(ENCODED_COLUMNS), known_until)
    return VocabularyVersion(
        sum(names for names, _ in rows.values()), {name: codes for name, (_, codes) in rows.items()}
    )


def check_vocabulary(connection: psycopg.Connection, trained: VocabularyVersion) -> VocabularyVersion:
    """The store's version, where it goes on from `trained`, the version of a model.

    Raises VocabularyDiffers where a column has fewer codes than that, other names under them, or is not encoded.
    """
    then = {column: codes.highest_code for column, codes in trained.columns.items()}
    stored = {column: codes for column, (_, codes) in _codes(connection, then).items()}
    problems = {
        column: problem
        for column, codes in trained.columns.items()
        if (problem := _problem(column, codes, stored[column]))
    }
    if problems:
        raise VocabularyDiffers(
            f"The codes of this store are not those that the model was trained on: {'; '.join(problems.values())}",
            "Nothing was changed; encoded features would mean other names to the model",
            "Use the store that it was trained on, or a copy of it, or train the model anew on this one",
            columns=list(problems),
        )
    return vocabulary_version(connection)


def _problem(column: str, trained: ColumnCodes, stored: ColumnCodes) -> str | None:
    if column not in ENCODED_COLUMNS:
        return f"{column} is not encoded any more"
    if stored.highest_code < trained.highest_code:
        return f"{column} has {stored.highest_code:,} codes and had {trained.highest_code:,}"
    if stored.digest != trained.digest:
        return f"codes 1 to {trained.highest_code:,} of {column} stand for other names"
    return None


def _codes(
    connection: psycopg.Connection, highest_codes: Mapping[str, int | None], known_until: datetime | None = None
) -> dict[str, tuple[int, ColumnCodes]]:
    """Column -> how many names it has, and their codes; of those up to a highest code where there is one."""
    params = {
        "columns": list(highest_codes),
        "highest_codes": list(highest_codes.values()),
        "known_until": known_until,
    }
    rows = connection.execute(feast_statement("vocabulary_version"), params).fetchall()
    return {column: (names, ColumnCodes(highest, digest)) for column, names, highest, digest in rows}
