"""Point-in-time joins, read both ways, against an oracle in plain loops and against Feast's own store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.offline_store.retrieval.view_reader import ViewReader
from tests.rigs.offline_stores import HOUR, MICRO, NOON, VIEWS, Stores, holds, records, retrieve, stores

__all__ = ["stores"]

INSTANTS = [NOON + hours * HOUR + micros * MICRO for hours in (-3, -2, -1, 0, 1) for micros in (-1, 0, 1)]
WAYS = ["lookup", "as-of", None]
COLUMNS = {"plays": ["player", "at", "made", "score", "shots", "note"], "teams": ["player", "team", "at", "rank"]}


instants = st.sampled_from(INSTANTS) | st.integers(-200, 100).map(lambda minutes: NOON + timedelta(minutes=minutes))
players = st.sampled_from(["a", "a", "a", "b", "ab", "\\N", 'line\n"one"'])
plays = st.lists(
    st.tuples(players, instants, instants, st.none() | st.floats(), st.none() | st.integers(0, 9)), max_size=8
)
some_of_unknown_age = plays.map(lambda rows: [(*row[:2], None, *row[3:]) if row[3] is None else row for row in rows])
teams = st.lists(st.tuples(players, st.integers(0, 2), instants, st.none() | st.integers(0, 9)), max_size=8)
frames = st.lists(st.tuples(players | st.none(), st.integers(0, 2), instants), min_size=1, max_size=8)


def numbered(plays: list[Any], teams: list[Any]) -> dict[str, list[Any]]:
    """Every row with a number of its own, so that a value tells which row it is of."""
    return {
        "plays": [(*row, f"play {number}") for number, row in enumerate(plays)],
        "teams": [(*row[:3], None if row[3] is None else 10 * number) for number, row in enumerate(teams)],
    }


def frame_of(rows: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["player", "team", "event_timestamp"])


def expected(tables: dict[str, list[Any]], row: Any, *, visible: bool) -> list[list[dict[str, Any]]]:
    """For each view the possible features."""
    player, team, at = row
    dicts = {name: [dict(zip(COLUMNS[name], r, strict=True)) for r in rows] for name, rows in tables.items()}
    narrow, endless, pairs, _ = VIEWS
    both = {"player": player, "team": team}
    return [
        [
            {"narrow__" + n: r[n] for n in ("score", "shots", "note")}
            for r in holds(dicts["plays"], {"player": player}, at, narrow.ttl, visible=visible)
        ]
        or [dict.fromkeys(["narrow__score", "narrow__shots", "narrow__note"])],
        [
            {"endless__points": r["score"]}
            for r in holds(dicts["plays"], {"player": player}, at, endless.ttl, visible=visible)
        ]
        or [{"endless__points": None}],
        [{"pairs__rank": r["rank"]} for r in holds(dicts["teams"], both, at, pairs.ttl, visible=visible)]
        or [{"pairs__rank": None}],
    ]


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60)
@given(some_of_unknown_age, teams, frames, st.booleans())
def test_entity_row_gets_the_features_valid_at_the_event_timestamp(
    stores: Stores, way: Any, plays: list[Any], teams: list[Any], frames: list[Any], visible: bool
) -> None:
    tables = numbered(plays, teams)
    with stores.filled(**tables):
        result = records(retrieve(stores.ours, frame_of(frames), way=way, filter_by_created_timestamp=visible))
    assert [(row["player"], row["team"], row["event_timestamp"]) for row in result] == frames
    for row, given_row in zip(result, frames, strict=True):
        for possible in expected(tables, given_row, visible=visible):
            possible = [{name: value if value == value else None for name, value in p.items()} for p in possible]
            assert {name: row[name] for name in possible[0]} in possible


@pytest.mark.parametrize("way", ["lookup", "as-of"])
def test_late_older_row_does_not_hide_a_newer_row(stores: Stores, way: str) -> None:
    plays = [("a", NOON, NOON, 1.0, 1, "newer"), ("a", NOON - HOUR, NOON + HOUR, 2.0, 1, "late")]
    plays += [("a", NOON, NOON + HOUR, 3.0, 1, "corrected"), ("a", NOON, None, 4.0, 1, "of unknown age")]
    at = [NOON - MICRO, NOON, NOON + HOUR - MICRO, NOON + HOUR, NOON + 3 * HOUR]
    with stores.filled(plays=plays[:2]):
        frame = pd.DataFrame({"player": "a", "event_timestamp": at})
        late = retrieve(stores.ours, frame, ["narrow:note"], way=way, filter_by_created_timestamp=True)
        leaking = retrieve(stores.ours, frame, ["narrow:note"], way=way)
    with stores.filled(plays=plays[::-1]):
        corrected = retrieve(stores.ours, frame, ["narrow:note"], way=way, filter_by_created_timestamp=True)
        leaking_too = retrieve(stores.ours, frame, ["narrow:note"], way=way)
    assert leaking_too["narrow__note"].fillna("").to_list() == ["late", *["corrected"] * 3, ""]
    assert late["narrow__note"].fillna("").to_list() == ["", "newer", "newer", "newer", ""]
    assert leaking["narrow__note"].fillna("").to_list() == ["late", "newer", "newer", "newer", ""]
    assert corrected["narrow__note"].fillna("").to_list() == ["", "newer", "newer", "corrected", ""]


@pytest.mark.parametrize(("rows", "way"), [(1, "lookup"), (100, "lookup"), (20_000, "as-of")])
def test_few_entity_rows_are_looked_up_and_many_are_joined(stores: Stores, rows: int, way: str) -> None:
    ways = []

    class Telling(ViewReader):
        def _way(self, *entities: Any) -> Any:
            ways.append(super()._way(*entities))
            return ways[-1]

    with stores.filled() as database:
        database.execute(
            "insert into public.plays select 'p' || mod(n, 50), %s::timestamptz + n * interval '1 second', now(), n, n "
            "from generate_series(1, 20000) as n", [NOON],
        )  # fmt: skip
        database.execute("analyze public.plays")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("feature_repo.offline_store.jobs.ViewReader", Telling)
            at = [NOON + timedelta(seconds=20_000 - number) for number in range(rows)]
            retrieve(stores.ours, pd.DataFrame({"player": "p1", "event_timestamp": at}), ["endless:points"])
    assert ways == [way]


@settings(max_examples=60)
@given(plays, teams, frames, st.booleans())
def test_retrieved_values_equal_those_of_the_stock_store_where_that_is_right(
    stores: Stores, plays: list[Any], teams: list[Any], frames: list[Any], visible: bool
) -> None:
    # Not right: rows that nothing tells apart come twice, players and teams of one text are one, rows have no order.
    plays = list({(row[0], row[1], row[2]): row for row in plays if row[0] != "ab"}.values())
    teams = list({(row[0], row[2]): row for row in teams if row[0] != "ab"}.values())
    frames = [row for row in dict.fromkeys(frames) if row[0] not in (None, "ab")]
    if not frames:
        return
    with stores.filled(**numbered(plays, teams)):
        ours = retrieve(stores.ours, frame_of(frames), filter_by_created_timestamp=visible)
        stock = retrieve(stores.stock, frame_of(frames), filter_by_created_timestamp=visible)
    stock["event_timestamp"] = stock["event_timestamp"].dt.tz_localize("UTC")
    keys = ["player", "team", "event_timestamp"]
    pd.testing.assert_frame_equal(
        ours.sort_values(keys, ignore_index=True), stock.sort_values(keys, ignore_index=True), check_dtype=True
    )
