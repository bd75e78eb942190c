"""`pikkit groups`: which names the store knows, and how many bets have each now."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from feature_repo.errors import ConfigurationError
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect
from ingestion.intake.load import load_rows
from ingestion.serving.known_names import columns_of
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, at, bet, jsonl, lost
from tests.rigs.commands import environ_of, pikkit_here

BETS = (
    bet("a"),
    lost("b", time_placed=at(5), updated_at=at(6)),
    bet("c", league=None, market="a|b", sport="Tennis", status="PENDING", profit=None, institution_name="nil"),
    # regraded, and moved to another market
    bet("d", market="Spread"),
    bet("d", 2, status="SETTLED_PUSH", profit=0.0),
    bet("gone", market="Corners"),
    bet("gone", 3, market="Corners", is_deleted=True),
)


@pytest.fixture
def environ(connections: Connections, tmp_path: Path) -> dict[str, str]:
    with connect(connections.postgres, purpose="test") as database:
        load_rows(database, open_file(jsonl(tmp_path / "bets.jsonl", *BETS)), run_id=uuid.uuid4(), now=NOW)
    return environ_of(connections, tmp_path / "home")


def test_known_names_are_counted_over_current_bets_and_sorted_by_descending_count(environ: dict[str, str]) -> None:
    kinds = json.loads(pikkit_here("groups", "--json", environ=environ).stdout)["kinds"]

    def counts(kind: str) -> list[tuple[Any, ...]]:
        return [(one["key"], *one["names"].values(), one["bets"], one["graded"]) for one in kinds[kind]]

    assert list(kinds)[:4] == ["sport", "league", "market", "book"]
    assert counts("sport") == [("Soccer", "Soccer", 3, 2), ("Tennis", "Tennis", 1, 0)]
    assert counts("league") == [("Premier League", "Premier League", 3, 2), ("\\N", None, 1, 0)]
    assert counts("market") == [("Moneyline", "Moneyline", 3, 2), ("a\\|b", "a|b", 1, 0)]
    assert counts("book") == [("Bet&Win", "Bet&Win", 3, 2), ("nil", "nil", 1, 0)]
    assert counts("sport_market")[1] == ("Tennis|a\\|b", "Tennis", "a|b", 1, 0)
    assert [one["newest_placed_at"] for one in kinds["sport"]] == [at(5), at(0)]


def test_known_names_of_a_kind_are_narrowed_by_a_text(environ: dict[str, str]) -> None:
    done = pikkit_here("groups", "sport_market", "--like", "tENN", environ=environ)
    assert [line.split() for line in done.stdout.splitlines()[:2]] == [
        ["sport", "market", "bets", "graded", "newest", "placed"],
        ["Tennis", "a|b", "1", "0", "2026-05-01T12:00:00Z"],
    ]
    assert done.stdout.splitlines()[-1].startswith("1 of kind sport_market with 'tENN' in them.")


def test_without_a_kind_known_names_are_counted_by_kind(environ: dict[str, str]) -> None:
    lines = pikkit_here("groups", environ=environ).stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["sport", "2"], ["league", "2"], ["market", "2"]]


def test_unknown_kind_of_names_is_refused_with_the_nearest_kind() -> None:
    with pytest.raises(ConfigurationError, match=r"'bok' \(did you mean 'book'\?\).*Give one of sport, league"):
        columns_of("bok")
