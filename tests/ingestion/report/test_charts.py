"""Charts as markup: what stands in them is in proportion, said in words, and nothing but text."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.report.charts import Bar, ChartText, bar_chart, ceiling, histogram, line_chart, meter, sparkline
from tests.builders.hostile_text import TEXTS

TEXT = ChartText("chart", "Title", "Description.", "runs", "seconds", "first", "last")
HEIGHTS = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)


def drawn(markup: str) -> Any:
    """The drawing as XML: it is sound, whatever stands in it."""
    return ElementTree.fromstring(markup)


def bar_heights(markup: str) -> list[float]:
    return [sum(float(part.get("height")) for part in group.iter("rect")) for group in drawn(markup).iter("g")]


@given(HEIGHTS)
def test_bar_heights_are_proportional_to_values_up_to_a_towering_bar(heights: list[float]) -> None:
    bars = [Bar("", [("accent", height)]) for height in heights]
    tall, *others = sorted(heights, reverse=True)
    top = ceiling(others[0] if others and 0 < others[0] < tall / 5 else tall)
    expected = [0.0 if not height else max(1.5, 110 * min(1.0, height / top)) for height in heights]
    assert bar_heights(bar_chart(TEXT, bars)) == pytest.approx(expected, abs=0.11)


def test_towering_bar_is_drawn_with_a_gap_and_labelled_with_the_value() -> None:
    chart = drawn(bar_chart(TEXT, [Bar("", [("accent", height)]) for height in (15_000.0, 800.0, 700.0)]))
    assert "15,000" in [text.text for text in chart.iter("text")]
    assert [path.get("class") for group in chart.iter("g") for path in group.iter("path")] == ["gap"]


def test_second_part_of_a_bar_is_stacked_on_the_first() -> None:
    chart = drawn(bar_chart(TEXT, [Bar("", [("accent", 3.0), ("bad", 2.0)])]))
    lower, upper = (part for group in chart.iter("g") for part in group.iter("rect"))
    assert float(upper.get("y")) + float(upper.get("height")) == pytest.approx(float(lower.get("y")), abs=0.11)
    assert (lower.get("class"), upper.get("class")) == ("fill tone-accent", "fill tone-bad")


def test_line_breaks_where_a_value_is_null() -> None:
    chart = drawn(line_chart(TEXT, [1.0, 2.0, None, 3.0, 4.0, None, 5.0], top=5.0))
    lines = [path.get("d") for path in chart.iter("path") if "line" in path.get("class").split()]
    assert [path.count("L") for path in lines] == [1, 1]
    assert len(list(chart.iter("circle"))) == 1


def test_histogram_draws_shares_and_not_counts_of_two_sides() -> None:
    twice = drawn(histogram(TEXT, [2, 4, 2], [1, 2, 1], ("low", "high")))
    bars, steps = (path.get("d") for path in twice.iter("path") if path.get("class") != "axis")
    tops = [part.split("h")[0] for part in bars.split("V")[1::2]]
    assert tops == [part.split("h")[0] for part in steps.split("V")[1:-1]]


def test_side_without_values_is_not_drawn() -> None:
    first = drawn(histogram(TEXT, [1, 2], [0, 0], None))
    assert [path.get("class") for path in first.iter("path")] == ["fill tone-accent", "axis"]


@pytest.mark.parametrize("values", [[], [1.0], [None, 1.0], [None, None]])
def test_sparkline_of_fewer_than_two_values_is_empty(values: list[float | None]) -> None:
    assert sparkline("a", "b", values) == ""


def test_description_of_a_sparkline_has_range_and_newest_value() -> None:
    line = drawn(sparkline("a", "Title", [1.0, 3.0, None, 2.0]))
    assert line.findtext("desc") == "3 values from 1 to 3, the newest 2."


@pytest.mark.parametrize("chart", [bar_chart(TEXT, []), histogram(TEXT, [], [], None), line_chart(TEXT, [], top=1.0)])
def test_chart_without_values_has_title_and_description(chart: str) -> None:
    assert (drawn(chart).findtext("title"), drawn(chart).findtext("desc")) == ("Title", "Description.")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_text_of_a_chart_is_text(text: str) -> None:
    """It comes out of an XML parser as one text, printable, in an element that was there before."""
    hostile = ChartText("chart", text, text, text, text, text, text)
    charts = bar_chart(hostile, [Bar(text, [("bad", 1.0)])]), histogram(hostile, [1], [1], (text, text))
    for chart in map(drawn, (*charts, sparkline("chart", text, [1.0, 2.0]))):
        assert {element.tag for element in chart.iter()} <= {
            "svg",
            "title",
            "desc",
            "g",
            "rect",
            "path",
            "text",
            "circle",
        }
        assert all((element.text or "").isprintable() for element in chart.iter())


def test_chart_is_an_image_labelled_by_title_and_description() -> None:
    chart = drawn(bar_chart(TEXT, []))
    labels = [element.get("id") for element in (chart.find("title"), chart.find("desc"))]
    assert (chart.get("role"), chart.get("aria-labelledby").split()) == ("img", labels)


def test_meter_is_hidden_from_screen_readers_and_filled_to_the_share() -> None:
    bar = drawn(meter(0.25, "good"))
    assert (bar.get("aria-hidden"), [rect.get("width") for rect in bar.iter("rect")]) == ("true", ["100", "25"])
