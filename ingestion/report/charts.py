"""Lines, bars, histograms and sparklines as static SVG: text in, markup out, no script and no style of their own.

Colours are classes of `report.css` (`tone-good`), so that one drawing serves light and dark. Each chart says in a title
and a description what it shows, which a screen reader reads in place of it. All text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup

from ingestion.wording import cut, plain, quantity

ChartTone = Literal["good", "warning", "bad", "accent", "neutral", "ink"]

WIDTH, HEIGHT = 360, 168
LEFT, RIGHT, TOP, BOTTOM = 46, 6, 22, 36
# How many times the second highest a bar is that is cut off, as a first load is beside hourly ones.
_TOWERS: Final = 5


@dataclass(frozen=True)
class ChartText:
    """What a chart says of itself.

    `name` is its id in the page, letters and dashes; `first` and `last` stand below the ends of the horizontal axis.
    """

    name: str
    title: str
    description: str
    x_label: str
    y_label: str
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class Bar:
    """One place on the horizontal axis: parts that stand on each other, from below."""

    label: str
    parts: Sequence[tuple[ChartTone, float]]

    @property
    def height(self) -> float:
        """All parts together."""
        return float(sum(value for _, value in self.parts))


def bar_chart(text: ChartText, bars: Sequence[Bar]) -> Markup:
    """Bars side by side, in order, each with its label and height as a tooltip."""
    top = ceiling(_highest_drawn([bar.height for bar in bars]))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    # Few bars are no wider than a finger.
    width = min(step * 0.8, 28)
    marks = Markup().join(
        _stacked(bar, x=LEFT + position * step + (step - width) / 2, width=width, top=top)
        for position, bar in enumerate(bars)
    )
    return chart_figure(text, _axes(text, top) + marks)


def _highest_drawn(heights: Sequence[float]) -> float:
    """What the scale must reach to: the highest of all, but for one that would make all others dots."""
    highest, *others = sorted(heights, reverse=True) or [0.0]
    return others[0] if others and 0 < others[0] < highest / _TOWERS else highest


def line_chart(text: ChartText, values: Sequence[float | None], *, top: float, tone: ChartTone = "accent") -> Markup:
    """A line through the values, left to right at equal steps, from 0 to `top`; it breaks where a value is null."""
    step = (WIDTH - LEFT - RIGHT) / max(1, len(values) - 1)
    points = [None if value is None else (LEFT + i * step, _y(value, top)) for i, value in enumerate(values)]
    return chart_figure(text, _axes(text, top) + polyline(points, tone))


def histogram(
    text: ChartText, rows: Sequence[int], reference_rows: Sequence[int], ends: tuple[str, str] | None
) -> Markup:
    """Shares of two sides by bin: those of now as bars, those of before as steps over them.

    `ends` are the labels of the two ends of the axis. A side without rows is not drawn.
    """
    width, height, base = 220, 84, 68
    now, before = _shares(rows), _shares(reference_rows)
    top = max([*now, *before, 1e-9])
    step = (width - 4) / max(1, len(rows))
    tops = [base - share / top * (base - 4) for share in now]
    bars = "".join(
        f"M{px(2 + i * step + 0.5)} {base}V{px(y)}h{px(step - 1)}V{base}z" for i, y in enumerate(tops) if y < base
    )
    steps = "".join(f"V{px(base - share / top * (base - 4))}h{px(step)}" for share in before)
    marks = shape("path", d=bars, class_="fill tone-accent") if bars else Markup()
    if any(before):
        marks += shape("path", d=f"M2 {base}{steps}V{base}", class_="step")
    marks += shape("path", d=f"M0 {base}.5H{width}", class_="axis")
    if ends is not None:
        marks += axis_label(2, base + 13, ends[0]) + axis_label(width - 2, base + 13, ends[1], "end")
    return _svg(text, width, height, marks, "histogram")


def sparkline(name: str, title: str, values: Sequence[float | None], *, tone: ChartTone = "accent") -> Markup:
    """A small line without axes, the newest value a dot; nothing where fewer than two values are known."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup()
    low, high = min(known), max(known)
    step = 76 / (len(values) - 1)
    points = [
        None if value is None else (2 + i * step, 11.0 if low == high else 20 - (value - low) / (high - low) * 18)
        for i, value in enumerate(values)
    ]
    newest = [point for point in points if point is not None][-1]
    dot = shape("circle", cx=px(newest[0]), cy=px(newest[1]), r="2", class_=f"fill tone-{tone}")
    span = f"{len(known)} values from {quantity(low, 3)} to {quantity(high, 3)}, the newest {quantity(known[-1], 3)}."
    return _svg(ChartText(name, title, span, "", ""), 80, 22, polyline(points, tone) + dot, "spark")


def meter(share: float, tone: ChartTone) -> Markup:
    """A bar that is filled to a share of 1. It stands beside the number that it shows, so it says nothing itself."""
    width = px(100 * min(1.0, max(0.0, share)))
    filled = shape("rect", x="0", y="0", width=width, height="6", class_=f"fill tone-{tone}")
    track = shape("rect", x="0", y="0", width="100", height="6", class_="track")
    return Markup(
        '<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(track + filled)


def ceiling(value: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is no less than a value; 1 for 0.

    >>> [ceiling(value) for value in (0, 0.3, 7, 20, 21)]
    [1.0, 0.5, 10.0, 20.0, 50.0]
    """
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    tops = (float(quantity(digit * power, 6).replace(",", "")) for digit in (1, 2, 5, 10))
    return next((top for top in tops if top >= value * (1 - 1e-9)), value)


# ---- parts ---------------------------------------------------------------------------------------------------------


def chart_figure(text: ChartText, marks: Markup) -> Markup:
    """A chart of the usual size."""
    return _svg(text, WIDTH, HEIGHT, marks, "chart")


def _svg(text: ChartText, width: int, height: int, marks: Markup, kind: str) -> Markup:
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-desc">'
        '<title id="{}-title">{}</title><desc id="{}-desc">{}</desc>{}</svg>'
    ).format(
        kind,
        width,
        height,
        text.name,
        text.name,
        text.name,
        plain(text.title),
        text.name,
        plain(text.description),
        marks,
    )


def _axes(text: ChartText, top: float) -> Markup:
    """Lines at 0, half and all of the scale with their values; the names of the axes, and the ends of the lower one."""
    marks = Markup()
    for value in (0.0, top / 2, top):
        y = px(_y(value, top))
        marks += shape("path", d=f"M{LEFT} {y}H{WIDTH - RIGHT}", class_="grid-line" if value else "axis")
        marks += axis_label(LEFT - 6, float(y) + 4, quantity(value, 3), "end")
    base = HEIGHT - BOTTOM
    marks += axis_label(0, 11, text.y_label)
    marks += axis_label(LEFT, base + 15, text.first) + axis_label(WIDTH - RIGHT, base + 15, text.last, "end")
    return marks + axis_label((LEFT + WIDTH - RIGHT) / 2, base + 31, text.x_label, "middle")


def _stacked(bar: Bar, *, x: float, width: float, top: float) -> Markup:
    marks, below = Markup(), 0.0
    for tone, value in bar.parts:
        upper, lower = _y(below + value, top), _y(below, top)
        # What is there is seen, however little.
        height = max(lower - upper, 1.5) if value else 0.0
        if height:
            rectangle = {
                "x": px(x),
                "y": px(lower - height),
                "width": px(width),
                "height": px(height),
            }
            marks += shape("rect", **rectangle, class_=f"fill tone-{tone}")
        below += value
    if bar.height > top:
        # A gap in the bar, and how high it is.
        marks += shape(
            "path",
            d=f"M{px(x - 1)} {TOP + 12}l{px(width + 2)} -6v4l-{px(width + 2)} 6z",
            class_="gap",
        )
        marks += axis_label(x, TOP - 4, quantity(bar.height, 4))
    return Markup("<g><title>{}</title>{}</g>").format(plain(bar.label), marks)


def polyline(points: Sequence[tuple[float, float] | None], tone: ChartTone) -> Markup:
    """A path through the points, in as many pieces as nulls divide it into; a lone point is a dot."""
    marks = Markup()
    for piece in _pieces(points):
        if len(piece) == 1:
            marks += shape("circle", cx=px(piece[0][0]), cy=px(piece[0][1]), r="2", class_=f"fill tone-{tone}")
        else:
            path = "L".join(f"{px(x)} {px(y)}" for x, y in piece)
            marks += shape("path", d=f"M{path}", class_=f"line tone-{tone}")
    return marks


def _pieces(points: Sequence[tuple[float, float] | None]) -> Iterator[list[tuple[float, float]]]:
    piece: list[tuple[float, float]] = []
    for point in (*points, None):
        if point is not None:
            piece.append(point)
        elif piece:
            yield piece
            piece = []


def _shares(rows: Sequence[int]) -> list[float]:
    total = sum(rows)
    return [number / total for number in rows] if total else [0.0 for _ in rows]


def _y(value: float, top: float) -> float:
    base = HEIGHT - BOTTOM
    return base - min(1.0, value / top) * (base - TOP)


def axis_label(x: float, y: float, text: str, anchor: str = "start") -> Markup:
    """Text in a chart, cut where it is long; nothing for none."""
    if not text:
        return Markup()
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(px(x), px(y), anchor, cut(text, 40))


def shape(name: Literal["rect", "path", "circle"], *, class_: str, **attributes: str) -> Markup:
    """An element without content. The attributes are numbers and paths of our own."""
    pairs = Markup(" ").join(Markup('{}="{}"').format(key, value) for key, value in attributes.items())
    return Markup('<{} class="{}" {}/>').format(name, class_, pairs)


def px(value: float) -> str:
    """A number of a drawing, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")
