"""What the registry remembers of copied windows: little, however many there were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from feature_repo.materialization.intervals import KEPT_INTERVALS, cut_intervals, merge_intervals, record_intervals
from tests.rigs.published_store import WATERMARK, Published

START = datetime(2026, 1, 1, tzinfo=UTC)
hours = st.integers(0, 60).map(lambda number: START + timedelta(hours=number))
intervals = st.lists(st.tuples(hours, hours).map(lambda pair: (min(pair), max(pair))), max_size=40)


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


def test_overlapping_or_touching_intervals_are_merged() -> None:
    assert merge_intervals([(hour(5), hour(6)), (hour(0), hour(2)), (hour(1), hour(3)), (hour(3), hour(4))]) == [
        (hour(0), hour(4)),
        (hour(5), hour(6)),
    ]


def test_interval_that_ends_before_the_start_is_dropped() -> None:
    assert merge_intervals([(hour(3), hour(1))]) == []


@given(intervals)
def test_merged_intervals_keep_the_newest_end(drawn: list[tuple[datetime, datetime]]) -> None:
    assert max((end for _, end in merge_intervals(drawn)), default=None) == max((end for _, end in drawn), default=None)


@given(intervals)
def test_merged_intervals_are_few_disjoint_and_sorted(drawn: list[tuple[datetime, datetime]]) -> None:
    merged = merge_intervals(drawn)
    assert len(merged) <= KEPT_INTERVALS
    assert all(before[1] < after[0] for before, after in pairwise(merged))


@given(intervals)
def test_merged_intervals_cover_exactly_the_copied_time(drawn: list[tuple[datetime, datetime]]) -> None:
    def covered(windows: list[tuple[datetime, datetime]]) -> set[datetime]:
        half = timedelta(minutes=30)
        return {
            instant
            for instant in (START + number * half for number in range(122))
            if any(start <= instant <= end for start, end in windows)
        }

    few = drawn[:KEPT_INTERVALS]
    assert covered(merge_intervals(few)) == covered(few)


@given(intervals)
def test_merging_intervals_singly_equals_merging_few_intervals_at_once(drawn: list[tuple[datetime, datetime]]) -> None:
    one_by_one: list[tuple[datetime, datetime]] = []
    for window in drawn[:KEPT_INTERVALS]:
        one_by_one = merge_intervals([*one_by_one, window])
    assert one_by_one == merge_intervals(drawn[:KEPT_INTERVALS])


# ---- in the registry -----------------------------------------------------------------------------------------------


def test_materialized_interval_is_recorded_once(published: Published, gated: Any) -> None:
    for _ in range(2):
        gated.materialize(WATERMARK - timedelta(hours=2), WATERMARK)
    view = published.store().get_feature_view("sport_stats")
    assert view.materialization_intervals == [(WATERMARK - timedelta(hours=2), WATERMARK)]


def test_incremental_materialization_starts_at_the_end_of_the_last(published: Published, gated: Any) -> None:
    gated.materialize(WATERMARK - timedelta(hours=2), WATERMARK - timedelta(hours=1))
    gated.materialize_incremental(WATERMARK)
    view = published.store().get_feature_view("sport_stats")
    assert view.materialization_intervals == [(WATERMARK - timedelta(hours=2), WATERMARK)]


def test_hourly_materializations_leave_few_intervals(published: Published, gated: Any) -> None:
    """One instant is copied each hour, so no two windows touch."""
    for number in range(3 * KEPT_INTERVALS):
        record_intervals(gated.registry, gated.project, {"sport_stats": (hour(number), hour(number))})
    view = gated.get_feature_view("sport_stats")
    assert len(view.materialization_intervals) == KEPT_INTERVALS
    assert view.most_recent_end_time == hour(3 * KEPT_INTERVALS - 1)


def test_recorded_interval_is_read_at_once_from_the_cached_registry(published: Published, gated: Any) -> None:
    registry, project = gated.registry, gated.project
    assert registry.get_feature_view("sport_stats", project, allow_cache=True).most_recent_end_time is None
    record_intervals(registry, project, {"sport_stats": (hour(0), hour(1))})
    assert registry.get_feature_view("sport_stats", project, allow_cache=True).most_recent_end_time == hour(1)


def test_intervals_of_several_views_are_recorded_view_by_view(published: Published, gated: Any) -> None:
    registry, project = gated.registry, gated.project
    record_intervals(registry, project, {"sport_stats": (hour(0), hour(1)), "bet_facts": (hour(2), hour(3))})
    record_intervals(registry, project, {"sport_stats": (hour(1), hour(4)), "no view": (hour(0), hour(1))})
    recorded = {view.name: view.materialization_intervals for view in gated.list_feature_views()}
    assert recorded.pop("sport_stats") == [(hour(0), hour(4))]
    assert recorded.pop("bet_facts") == [(hour(2), hour(3))]
    assert set(map(tuple, recorded.values())) == {()}


def test_intervals_are_cut_in_the_views_that_are_named(published: Published, gated: Any) -> None:
    registry, project = gated.registry, gated.project
    views = ["sport_stats", "bet_facts", "institution_stats"]
    record_intervals(registry, project, dict.fromkeys(views, (hour(0), hour(5))))
    cut_intervals(registry, project, views[:2], hour(3))
    assert [gated.get_feature_view(view).most_recent_end_time for view in views] == [hour(3), hour(3), hour(5)]


def test_long_list_of_intervals_is_shortened(published: Published, gated: Any) -> None:
    view = gated.get_feature_view("sport_stats")
    view.materialization_intervals = [(hour(number), hour(number)) for number in range(1000)]
    gated.registry.apply_feature_view(view, gated.project)
    gated.materialize(WATERMARK - timedelta(hours=2), WATERMARK, ["sport_stats"])
    assert len(gated.get_feature_view("sport_stats").materialization_intervals) == KEPT_INTERVALS


def test_recording_an_interval_keeps_the_definition_of_the_view(published: Published, gated: Any) -> None:
    before = published.store().get_feature_view("sport_stats").to_proto().spec
    gated.materialize(WATERMARK - timedelta(hours=2), WATERMARK)
    assert published.store().get_feature_view("sport_stats").to_proto().spec == before


def test_apply_keeps_recorded_intervals(published: Published, gated: Any) -> None:
    gated.materialize(WATERMARK - timedelta(hours=2), WATERMARK)
    assert published.feast("apply").returncode == 0
    assert published.store().get_feature_view("sport_stats").most_recent_end_time == WATERMARK


def test_materialized_view_has_no_state(published: Published, gated: Any) -> None:
    gated.materialize(WATERMARK - timedelta(hours=2), WATERMARK)
    assert {view.state.name for view in published.store().list_feature_views()} == {"STATE_UNSPECIFIED"}


def test_recording_an_interval_removes_the_state_of_the_view(published: Published, gated: Any) -> None:
    view = gated.get_feature_view("sport_stats")
    gated.registry.apply_materialization(view, gated.project, hour(0), hour(1))
    gated.materialize(WATERMARK - timedelta(hours=2), WATERMARK)
    assert gated.get_feature_view("sport_stats").state.name == "STATE_UNSPECIFIED"
