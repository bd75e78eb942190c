"""One name has one spelling, wherever it comes from: where bets are loaded and where they are asked about."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_series_equal

from feature_repo.bets import bet_types
from feature_repo.bets.names import normal_name, normal_names
from feature_repo.group_keys import entity_columns
from quality.schema.bet import KINDS
from quality.schema.kinds import Unreadable
from tests.builders.bet_files import bet


@given(st.text())
def test_normal_name_stays_when_normalised_again(text: str) -> None:
    name = normal_name(text)
    assert name is None or normal_name(name) == name


@given(st.text())
def test_every_unicode_composition_of_a_text_gives_the_same_name(text: str) -> None:
    spellings = [text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]
    assert len({normal_name(spelling) for spelling in spellings}) == 1


@given(st.lists(st.none() | st.text(max_size=6)))
def test_column_of_names_is_normalised_as_each_name_alone(texts: list[str | None]) -> None:
    one_by_one = [None if text is None else normal_name(text) for text in texts]
    assert_series_equal(normal_names(pl.Series(texts, dtype=pl.String)), pl.Series(one_by_one, dtype=pl.String))


def test_every_format_character_of_this_python_is_removed() -> None:
    """Those that a later Unicode adds are kept until the list in names.py is longer."""
    formats = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"]
    assert [hex(ord(character)) for character in formats if normal_name(f"a{character}b") != "ab"] == []


def test_bet_to_score_gets_the_group_keys_and_bet_type_of_ingestion() -> None:
    asked = bet("a", league="Ligue Franc\u0327aise\u200b", market="N/A", bet_type="SGP")
    columns = entity_columns([asked])
    assert (columns["league"], columns["market"], columns["bet_type"]) == (
        ["Ligue Fran\u00e7aise"],
        [None],
        ["same_game_parlay"],
    )
    assert columns["sport_league"] == ["Soccer|Ligue Fran\u00e7aise"]


KINDS_OF_BETS = [
    *bet_types.BetType,
    *bet_types.BET_TYPE_SYNONYMS,
    *(f"round_robin_{n}" for n in ("1", "2", "09", "99", "100")),
]


@pytest.mark.parametrize("text", [*KINDS_OF_BETS, *(text.upper() for text in KINDS_OF_BETS), "lottery"])
def test_bet_type_is_read_alike_at_ingestion_and_at_scoring(text: str) -> None:
    kind = KINDS["bet_type"]
    try:
        loaded = kind.read(text)
    except Unreadable:
        loaded = None
    assert loaded == bet_types.known_bet_type(text)
