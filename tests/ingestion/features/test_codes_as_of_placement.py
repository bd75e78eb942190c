"""A training row has the codes that a model was served with when the bet was placed, whatever was learnt since.

The store grows instant by instant. Requests are served while it stands at theirs, by Feast and by the scorer, and once
more at the end, of the past; then the same bets are asked of history. `tests.oracle.code` says what all must give.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from feature_repo import clock, scorer
from feature_repo.bets import vocabulary
from feature_repo.bets.vocabulary import ENCODED_COLUMNS
from feature_repo.group_keys import entity_frame, entity_rows
from feature_repo.postgres.copy import copy_in
from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion.database.access import connect
from ingestion.features.refresh import refresh
from tests import oracle
from tests.builders.bet_logs import EPOCH, frame, graded

SERVICE = "market_profitability_at_placement_v1"
CODES = ("sport_encoded", "league_encoded", "market_encoded", "institution_encoded", "bet_type_encoded")
END = EPOCH + timedelta(days=1)
NAMES = ("Soccer", "a|b", "Серия A", None)

names = st.fixed_dictionaries(
    {column: st.sampled_from(NAMES) for column in ENCODED_COLUMNS if column != "bet_type"}
    | {"bet_type": st.sampled_from(("straight", "parlay", None))}
)
# Ties, parts of a second, whole seconds, hours.
gaps = st.sampled_from((0, 1, 400_000, 1_000_000, 3_600_000_000)).map(lambda n: timedelta(microseconds=n))


@st.composite
def logs(draw: Any) -> list[dict[str, Any]]:
    """Versions of different bets, in the order in which they became known."""
    log, known_at = [], EPOCH
    for seq, (gap, named) in enumerate(draw(st.lists(st.tuples(gaps, names), max_size=5)), start=1):
        known_at += gap
        kind = named["bet_type"] or "straight"  # no stored bet lacks it
        log.append(graded(seq, f"b{seq}", known_at=known_at, **named | {"bet_type": kind}))
    return log


@st.composite
def requests(draw: Any, log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bets placed around the instants of the log, in order of placement."""
    instants = st.sampled_from([EPOCH, END - timedelta(hours=2), *(version["known_at"] for version in log)])
    offsets = gaps | gaps.map(lambda gap: -gap)
    placed = sorted(at + by for at, by in draw(st.lists(st.tuples(instants, offsets), min_size=1, max_size=6)))
    return [draw(names) | {"american_odds": 100, "is_live": False, "time_placed": at} for at in placed]


@pytest.fixture
def written() -> Callable[..., None]:
    def write(connections: Connections, versions: list[dict[str, Any]]) -> None:
        """The log goes on by these versions, and the features with it."""
        with connect(connections.postgres, purpose="test") as connection:
            signed = frame(versions).with_columns(run_id=pl.lit(str(uuid.uuid4())), updated_at="known_at")
            copy_in(connection, "processed.bet_versions", signed.with_columns(is_current=False))
            refresh(connection, run_id=uuid.uuid4(), now=versions[0]["known_at"])

    return write


def codes(answers: Any) -> list[list[int | None]]:
    """Of a frame or vectors: the codes of each bet."""
    columns = answers.columns if isinstance(answers.columns, dict) else {name: answers[name] for name in CODES}
    rows = zip(*(columns[name] for name in CODES), strict=True)
    return [[None if pd.isna(code) else int(code) for code in row] for row in rows]


def served(connections: Connections, bets: list[dict[str, Any]]) -> list[list[int | None]]:
    """The codes by Feast's own call, which those of the scorer have to equal."""
    if not bets:
        return []
    store = store_at(connections)
    by_feast = codes(store.get_online_features([f"bet_features:{name}" for name in CODES], entity_rows(bets)).to_df())
    assert codes(scorer(SERVICE, store=store)(bets)) == by_feast
    return by_feast


def trained(connections: Connections, bets: list[dict[str, Any]]) -> list[list[int | None]]:
    numbered = [bet | {"id": f"{number:03}"} for number, bet in enumerate(bets)]
    retrieved = store_at(connections).get_historical_features(
        entity_frame(numbered), [f"bet_features:{name}" for name in CODES]
    )
    return codes(retrieved.to_df().sort_values("bet_id"))


def served_meanwhile(
    connections: Connections, log: list[dict[str, Any]], bets: list[dict[str, Any]], write: Callable[..., None]
) -> list[list[int | None]]:
    """What each bet was served with when the store stood at the whole second in which it was placed."""
    answers: list[list[int | None]] = []

    def serve_until(instant: datetime) -> None:
        due = [bet for bet in bets[len(answers) :] if bet["time_placed"].replace(microsecond=0) < instant]
        for placed, group in groupby(due, key=lambda bet: bet["time_placed"]):
            clock.set_now(placed)
            answers.extend(served(connections, list(group)))

    for known_at, versions in groupby(log, key=lambda version: version["known_at"]):
        serve_until(known_at)
        write(connections, list(versions))
    serve_until(END)
    return answers


# An example is a store: to make it smaller would take minutes, and it is small.
@settings(max_examples=8, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(data=st.data())
def test_training_rows_have_the_codes_that_serving_gave_at_the_placement(
    new_applied: Callable[[], Connections],
    written: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    data: st.DataObject,
) -> None:
    monkeypatch.setattr(vocabulary, "REREAD_AFTER", 0)
    log = data.draw(logs())
    bets = data.draw(requests(log))
    connections = new_applied()
    at_placement = served_meanwhile(connections, log, bets, written)
    clock.set_now(END)
    assert at_placement == [
        [oracle.code(log, column, bet[column], bet["time_placed"]) for column in ENCODED_COLUMNS] for bet in bets
    ]
    assert trained(connections, bets) == at_placement
    assert served(connections, bets) == at_placement


RUGBY_BET = {
    "sport": "Rugby",
    "league": None,
    "market": "M",
    "institution_name": "I",
    "bet_type": "straight",
    "american_odds": 100,
    "is_live": False,
}


def rows_without_placement(connections: Connections) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """An entity frame and entity rows of a bet on Rugby that have no time_placed."""
    rows = entity_rows([RUGBY_BET | {"time_placed": None}])
    instants = [EPOCH - timedelta(seconds=1), EPOCH + timedelta(seconds=2)]
    placed = entity_frame([RUGBY_BET | {"time_placed": at} for at in instants])
    return placed.assign(time_placed=pd.Series([pd.NaT, pd.NaT], dtype=placed["time_placed"].dtype)), rows


def test_bet_without_placement_is_encoded_as_of_the_row_in_training_and_of_the_clock_in_serving(
    new_applied: Callable[[], Connections], written: Callable[..., None]
) -> None:
    connections = new_applied()
    written(connections, [graded(1, "a", sport="Rugby", market="M", institution_name="I")])
    entity_df, rows = rows_without_placement(connections)
    store, features = store_at(connections), ["bet_features:sport_encoded"]
    retrieved = store.get_historical_features(entity_df, features).to_df().sort_values("event_timestamp")
    assert retrieved["sport_encoded"].to_list() == [0, 1]
    for at, code in zip(entity_df["event_timestamp"], (0, 1), strict=True):
        clock.set_now(at.to_pydatetime())
        assert store.get_online_features(features, rows).to_dict()["sport_encoded"] == [code]


def test_code_is_as_of_the_placement_where_a_row_asks_for_another_instant(
    new_applied: Callable[[], Connections], written: Callable[..., None]
) -> None:
    connections = new_applied()
    written(connections, [graded(1, "a", sport="Rugby", market="M", institution_name="I")])
    entity_df = entity_frame([RUGBY_BET | {"time_placed": EPOCH}]).assign(event_timestamp=EPOCH + timedelta(seconds=1))
    features = ["bet_features:sport_encoded", "sport_stats:sport_count"]
    frame_of_row = store_at(connections).get_historical_features(entity_df, features).to_df()
    assert frame_of_row[["sport_encoded", "sport_count"]].to_numpy().tolist() == [[0, 1]]
