"""Several series in one plot, above and below zero, as static SVG: what the charts of the report have no use for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ingestion.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    ChartText,
    ChartTone,
    axis_label,
    ceiling,
    chart_figure,
    polyline,
    px,
    shape,
)
from ingestion.wording import plain, quantity


@dataclass(frozen=True)
class Point:
    """A point of a series."""

    #: Along the horizontal axis, 0 to 1.
    x: float
    y: float
    #: What it says when it is pointed at; a point without is no mark of its own.
    label: str = ""
    #: The ends of its interval.
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class PlottedSeries:
    """A line through points, from left to right."""

    tone: ChartTone
    points: Sequence[Point]
    is_dashed: bool = False


@dataclass(frozen=True)
class Extent:
    """What the vertical axis spans; 0 is within."""

    low: float
    high: float

    def y(self, value: float) -> float:
        """Where a value lies in the drawing; one that is outside lies on the edge."""
        share = (min(self.high, max(self.low, value)) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def extent_of(values: Sequence[float]) -> Extent:
    """The extent that has all of the values, its ends round.

    >>> extent_of([0.3, -12.0])
    Extent(low=-20.0, high=0.5)
    >>> extent_of([])
    Extent(low=0.0, high=1.0)
    """
    low, high = min([*values, 0.0]), max([*values, 0.0])
    bottom = -ceiling(-low) if low < 0 else 0.0
    return Extent(bottom, ceiling(high) if high > 0 or not bottom else 0.0)


def series_plot(text: ChartText, series: Sequence[PlottedSeries], extent: Extent) -> Markup:
    """The series over each other, the first lowest, each in its tone; intervals are drawn as upright lines."""
    marks = Markup()
    for each in series:
        drawn = [(_x(point.x), extent.y(point.y)) for point in each.points]
        line = polyline(drawn, each.tone)
        marks += Markup('<g class="dashed">{}</g>').format(line) if each.is_dashed else line
        marks += Markup().join(_mark(point, each.tone, extent) for point in each.points)
    return chart_figure(text, _axes(text, extent) + marks)


def signed_bars(text: ChartText, bars: Sequence[tuple[str, float]], extent: Extent, tone: ChartTone) -> Markup:
    """A bar for each value, up or down from zero, with its label as a tooltip."""
    step = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    width, zero = min(step * 0.8, 28), extent.y(0)
    marks = Markup()
    for position, (label, value) in enumerate(bars):
        x, end = LEFT + position * step + (step - width) / 2, extent.y(value)
        height = max(abs(end - zero), 0.5)
        bar = shape(
            "rect", x=px(x), y=px(min(end, zero)), width=px(width), height=px(height), class_=f"fill tone-{tone}"
        )
        marks += Markup("<g><title>{}</title>{}</g>").format(plain(label), bar)
    return chart_figure(text, _axes(text, extent) + marks)


def _x(share: float) -> float:
    return LEFT + 2 + share * (WIDTH - LEFT - RIGHT - 4)


def _mark(point: Point, tone: ChartTone, extent: Extent) -> Markup:
    marks, x = Markup(), px(_x(point.x))
    if point.low is not None and point.high is not None:
        ends = f"M{x} {px(extent.y(point.low))}V{px(extent.y(point.high))}"
        marks += shape("path", d=ends, class_=f"line thin tone-{tone}")
    if point.label:
        dot = shape("circle", cx=x, cy=px(extent.y(point.y)), r="2.5", class_=f"fill tone-{tone}")
        marks += Markup("<g><title>{}</title>{}</g>").format(plain(point.label), dot)
    return marks


def _axes(text: ChartText, extent: Extent) -> Markup:
    """Lines at the ends of the scale, in the middle of each side of zero, and at zero, with their values."""
    halves = {extent.low / 2, extent.high / 2} if extent.low < 0 < extent.high else {(extent.low + extent.high) / 2}
    # What lies too near to another line has none.
    values = [value for value in halves if all(abs(extent.y(value) - extent.y(end)) > 16 for end in _ends(extent))]
    marks = Markup()
    for value in (*_ends(extent), *sorted(values)):
        y = extent.y(value)
        marks += shape("path", d=f"M{LEFT} {px(y)}H{WIDTH - RIGHT}", class_="grid-line" if value else "axis")
        marks += axis_label(LEFT - 6, y + 4, quantity(value, 3), "end")
    marks += axis_label(0, 11, text.y_label)
    base = HEIGHT - BOTTOM
    marks += axis_label(LEFT, base + 15, text.first) + axis_label(WIDTH - RIGHT, base + 15, text.last, "end")
    return marks + axis_label((LEFT + WIDTH - RIGHT) / 2, base + 31, text.x_label, "middle")


def _ends(extent: Extent) -> list[float]:
    """The ends, and zero where it is clear of them."""
    ends = [extent.low, extent.high]
    return ends if any(abs(extent.y(0) - extent.y(end)) < 12 for end in ends) else [*ends, 0.0]
