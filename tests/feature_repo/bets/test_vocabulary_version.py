"""A vocabulary is known by its codes: which one a model was trained on, and whether a store goes on from it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from feature_repo.bets.vocabulary import ENCODED_COLUMNS
from feature_repo.bets.vocabulary_version import (
    ColumnCodes,
    VocabularyVersion,
    check_vocabulary,
    version_of_document,
    vocabulary_version,
)
from feature_repo.errors import ConfigurationError, VocabularyDiffers

T0 = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def give(database: psycopg.Connection, column: str, *names: str) -> None:
    """Give these names codes from 1 on, each known a day after the one before."""
    for code, name in enumerate(names, start=1):
        database.execute(
            "insert into features.vocabulary (column_name, value, code, known_at) values (%s, %s, %s, %s)",
            [column, name, code, T0 + code * DAY],
        )


def digest(*names: str) -> str:
    """The digest of names with the codes 1, 2 and so on, as the statement describes it."""
    parts = [
        f"{code}:".encode() + f"{len(name.encode())}:".encode() + name.encode() for code, name in enumerate(names, 1)
    ]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def columns_with(**codes: ColumnCodes) -> dict[str, ColumnCodes]:
    return dict.fromkeys(ENCODED_COLUMNS, ColumnCodes(0, digest())) | codes


def test_version_counts_the_names_and_digests_those_of_each_column(database: psycopg.Connection) -> None:
    give(database, "sport", "Soccer", "Fußball", "a:1|b")
    give(database, "league", "Soccer")
    assert vocabulary_version(database) == VocabularyVersion(
        4,
        columns_with(
            sport=ColumnCodes(3, digest("Soccer", "Fußball", "a:1|b")), league=ColumnCodes(1, digest("Soccer"))
        ),
    )


def test_version_of_an_instant_is_of_the_names_that_were_known_then(database: psycopg.Connection) -> None:
    give(database, "sport", "Soccer", "NBA")
    sport = vocabulary_version(database, known_until=T0 + DAY).columns["sport"]
    assert sport == ColumnCodes(1, digest("Soccer"))
    assert vocabulary_version(database, known_until=T0).number == 0


def test_store_with_more_names_takes_the_model_and_tells_the_newer_version(database: psycopg.Connection) -> None:
    give(database, "sport", "Soccer")
    trained = vocabulary_version(database)
    document = json.loads(json.dumps(trained.document()))
    database.execute("insert into features.vocabulary values ('sport', 'NBA', 2), ('market', 'Total', 1)")
    assert version_of_document(document) == trained
    assert check_vocabulary(database, trained) == vocabulary_version(database)
    assert vocabulary_version(database).number == trained.number + 2


@pytest.mark.parametrize(
    ("trained", "problem"),
    [
        (["Soccer", "NBA", "Golf"], "sport has 2 codes and had 3"),
        (["NBA", "Soccer"], "codes 1 to 2 of sport stand for other names"),
        (["NBA"], "codes 1 to 1 of sport stand for other names"),
    ],
)
def test_store_that_does_not_go_on_from_the_model_s_codes_is_refused_by_column(
    database: psycopg.Connection, trained: list[str], problem: str
) -> None:
    give(database, "sport", "Soccer", "NBA")
    give(database, "league", "L")
    columns = columns_with(sport=ColumnCodes(len(trained), digest(*trained)), league=ColumnCodes(1, digest("L")))
    with pytest.raises(VocabularyDiffers) as refused:
        check_vocabulary(database, VocabularyVersion(len(trained) + 1, columns))
    assert refused.value.columns == ["sport"]
    assert refused.value.what.endswith(f"was trained on: {problem}")


def test_model_of_a_column_that_is_not_encoded_any_more_is_refused(database: psycopg.Connection) -> None:
    with pytest.raises(VocabularyDiffers, match="tipster is not encoded any more"):
        check_vocabulary(database, VocabularyVersion(0, {"tipster": ColumnCodes(0, digest())}))


@pytest.mark.parametrize(
    "document", [{}, {"number": 1, "columns": {"sport": {"highest_code": 1}}}, {"columns": []}, []]
)
def test_document_that_is_no_version_is_refused(document: Any) -> None:
    with pytest.raises(ConfigurationError, match="no version of a vocabulary"):
        version_of_document(document)


@pytest.mark.parametrize(
    "change",
    [
        "update features.vocabulary set code = 9 where value = 'Soccer'",
        "update features.vocabulary set value = 'Football' where value = 'Soccer'",
        "update features.vocabulary set column_name = 'league' where value = 'Soccer'",
        "delete from features.vocabulary where value = 'Soccer'",
        "truncate features.vocabulary",
    ],
)
def test_database_refuses_to_change_or_take_back_a_code(database: psycopg.Connection, change: str) -> None:
    give(database, "sport", "Soccer")
    database.commit()
    with pytest.raises(psycopg.errors.RestrictViolation, match="once given, is neither changed nor taken back"):
        database.execute(change)
    database.rollback()
    assert vocabulary_version(database).columns["sport"] == ColumnCodes(1, digest("Soccer"))


def test_database_refuses_a_code_that_another_name_has(database: psycopg.Connection) -> None:
    give(database, "sport", "Soccer")
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute("insert into features.vocabulary values ('sport', 'NBA', 1)")
