"""Plots above and below zero: where a value lies, and text that is text."""

from __future__ import annotations

import re

import pytest

from ingestion.report.charts import BOTTOM, HEIGHT, TOP, ChartText
from training.page.plots import Extent, PlottedSeries, Point, extent_of, series_plot, signed_bars

TEXT = ChartText("a-plot", "A plot", "What it shows.", "x", "y", "first", "last")


def test_ends_of_the_scale_are_round_and_have_every_value_and_zero_within() -> None:
    assert extent_of([3.0, 7.0]) == Extent(0.0, 10.0)
    assert extent_of([-3.0, -1.0]) == Extent(-5.0, 0.0)
    assert extent_of([0.0]) == Extent(0.0, 1.0)


def test_values_outside_of_the_scale_lie_on_the_edge() -> None:
    extent = Extent(-1.0, 1.0)
    assert extent.y(99) == extent.y(1) == TOP
    assert extent.y(-99) == HEIGHT - BOTTOM
    assert extent.y(0) == pytest.approx((TOP + HEIGHT - BOTTOM) / 2)


def test_bars_rise_above_zero_and_hang_below_zero() -> None:
    drawn = str(signed_bars(TEXT, [("up", 1.0), ("down", -0.5)], Extent(-1.0, 1.0), "accent"))
    (up, down) = [
        (float(y), float(height)) for y, height in re.findall(r'<rect[^>]* y="([\d.]+)"[^>]* height="([\d.]+)"', drawn)
    ]
    zero = Extent(-1.0, 1.0).y(0)
    assert up == (TOP, zero - TOP)
    assert down == (zero, pytest.approx((zero - TOP) / 2))


def test_interval_of_a_point_is_an_upright_line_and_a_label_is_escaped() -> None:
    point = Point(0.5, 0.0, "<b>\u202e", low=-1.0, high=1.0)
    drawn = str(series_plot(TEXT, [PlottedSeries("ink", [point])], Extent(-1.0, 1.0)))
    assert f"{HEIGHT - BOTTOM}V{TOP}" in drawn
    assert r"&lt;b&gt;\u202e" in drawn
    assert series_plot(TEXT, [PlottedSeries("ink", [])], Extent(0.0, 1.0)) != ""
