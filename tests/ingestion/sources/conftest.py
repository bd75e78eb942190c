"""A bet as a source sends it, and ways to put it into files."""

from __future__ import annotations

import json
import string

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from ingestion.sources.files.file_source import open_file

BET = {
    "id": "b1",
    "bet_type": "straight",
    "status": "SETTLED_WIN",
    "american_odds": 150,
    "amount": 10.5,
    "profit": 15.75,
    "sport": "Soccer",
    "league": "Brasileirão Série A",
    "market": "Moneyline",
    "institution_name": "Bet&Win",
    "updated_at": "2026-05-01T12:00:00Z",
    "time_placed": "2026-05-01T10:00:00Z",
}
CSV_HEADER = ",".join(BET)
CSV_ROW = ",".join(map(str, BET.values()))

# Columns that bets do not have, and what may stand in them.
names = st.text(string.ascii_lowercase, min_size=1).map("x_".__add__)
texts = st.text(st.characters(exclude_categories=["Cs"]))
# Each example writes its file anew, so that one directory does for all.
in_one_directory = settings(max_examples=60, deadline=None)


def lines(*bets):
    """Bets as JSON lines."""
    return "".join(json.dumps(bet) + "\n" for bet in bets)


@pytest.fixture
def write(tmp_path):
    def _write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


@pytest.fixture
def page(write):
    """The only page of a text file."""

    def _page(name, content):
        (only,) = open_file(write(name, content)).pages()
        return only

    return _page


@pytest.fixture
def write_parquet(tmp_path):
    """A Parquet file of bets with further columns, or with other columns in place of their own."""

    def _write(columns, **options):
        height = len(next(iter(columns.values())))
        bets = {name: pa.array([value] * height) for name, value in BET.items()}
        pq.write_table(pa.table({**bets, **columns}), tmp_path / "bets.parquet", **options)
        return tmp_path / "bets.parquet"

    return _write
