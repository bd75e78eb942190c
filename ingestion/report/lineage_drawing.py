"""The way of a bet as static SVG: sources, log, views, services, online copy, drawn from the declarations.

Two drawings of one graph: from left to right for a wide page, from top to bottom for a narrow one. `report.css` shows
the one that fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from markupsafe import Markup

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS, STORED_VIEWS
from ingestion.wording import counted, cut, plain

_HEIGHT: Final = 34
# Columns of the wide drawing: left edge and width, which the longest name of each kind fits.
_COLUMNS: Final = ((0, 190), (226, 150), (412, 172), (620, 190), (846, 256), (1138, 112))
_SOURCES_DRAWN: Final = 6
_NARROW: Final = 344


@dataclass(frozen=True)
class DrawnNode:
    """A box of the drawing: what it is, in which column, what stands below its name, and what it is made of."""

    name: str
    column: int
    note: str
    inputs: tuple[str, ...] = ()


def lineage_nodes(sources: Sequence[str], rows: Mapping[str, int], keys: Mapping[str, int]) -> list[DrawnNode]:
    """The boxes, each after those that it is made of.

    `sources` are the streams that bets came from, `rows` the rows per table, `keys` the keys per stored view.
    """
    drawn = list(sources[:_SOURCES_DRAWN])
    names = [*drawn, f"{len(sources) - len(drawn):,} more"] if len(sources) > len(drawn) else drawn or ["no source yet"]
    nodes = [DrawnNode(name, 0, "source") for name in names]
    nodes.append(DrawnNode("raw.bet_versions", 1, _rows(rows, "raw.bet_versions"), tuple(names)))
    nodes.append(DrawnNode("processed.bet_versions", 2, _rows(rows, "processed.bet_versions"), ("raw.bet_versions",)))
    nodes += [
        DrawnNode(view.name, 3, counted(keys.get(view.name, 0), "key"), ("processed.bet_versions",))
        for view in STORED_VIEWS
    ]
    nodes += [DrawnNode(name, 3, "on demand, from the request") for name in ON_DEMAND_DECLARATIONS]
    nodes += [
        DrawnNode(each.service, 4, counted(sum(map(len, each.features.values())), "feature"), tuple(each.features))
        for each in FEATURE_LISTS
    ]
    nodes.append(DrawnNode("Redis", 5, "online copy", tuple(each.service for each in FEATURE_LISTS)))
    return nodes


def lineage_drawings(nodes: Sequence[DrawnNode]) -> Markup:
    """Both drawings; the narrow one is hidden from whoever reads the wide one aloud, and the other way round."""
    return _wide(nodes) + _narrow(nodes)


def _wide(nodes: Sequence[DrawnNode]) -> Markup:
    columns = [[node for node in nodes if node.column == column] for column in range(len(_COLUMNS))]
    height = max(map(len, columns)) * (_HEIGHT + 10) + 10
    places = {
        node.name: (_COLUMNS[at][0], (position + 0.5) * height / len(column))
        for at, column in enumerate(columns)
        for position, node in enumerate(column)
    }
    marks = Markup()
    for node in nodes:
        x, y = places[node.name]
        for name in node.inputs:
            left, from_y = places[name]
            start = left + next(_COLUMNS[each.column][1] for each in nodes if each.name == name)
            bend = (x - start) / 2
            path = f"M{start} {from_y:.0f}C{start + bend:.0f} {from_y:.0f} {x - bend:.0f} {y:.0f} {x} {y:.0f}"
            marks += Markup('<path class="edge" d="{}"/>').format(path)
    for node in nodes:
        x, y = places[node.name]
        marks += _box(node, x, y - _HEIGHT / 2, _COLUMNS[node.column][1])
    return _drawing("wide", sum(_COLUMNS[-1]), height, marks, nodes)


def _narrow(nodes: Sequence[DrawnNode]) -> Markup:
    """One layer below the other; what each service is made of stands in it, as there is no room for all the lines."""
    marks, top = Markup(), 4.0
    views = {node.name: node for node in nodes}
    for column in range(len(_COLUMNS)):
        layer = [node for node in nodes if node.column == column]
        if column:
            marks += Markup('<path class="edge" d="M{} {}v14m-5 -6l5 6l5 -6"/>').format(_NARROW // 2, top)
            top += 18
        across = 2 if column == 3 else 1
        for position, node in enumerate(layer):
            width = (_NARROW - 8 * (across - 1)) / across
            x, y = (position % across) * (width + 8), top + position // across * (_HEIGHT + 6)
            if column == 4:
                used = sum(name in views for name in node.inputs)
                node = replace(node, note=f"{node.note} of {counted(used, 'view')}")
            marks += _box(node, x, y, width)
        top += -(-len(layer) // across) * (_HEIGHT + 6)
    return _drawing("narrow", _NARROW, top, marks, nodes)


def _box(node: DrawnNode, x: float, y: float, width: float) -> Markup:
    name = cut(node.name, int((width - 14) / 6.1))
    box = Markup('<rect x="{:.0f}" y="{:.0f}" width="{:.0f}" height="{}" rx="6"/>').format(x, y, width, _HEIGHT)
    texts = Markup('<text x="{0:.0f}" y="{1:.0f}">{2}</text><text class="note" x="{0:.0f}" y="{3:.0f}">{4}</text>')
    return Markup('<g class="node column-{}"><title>{}</title>{}{}</g>').format(
        node.column, plain(node.name), box, texts.format(x + 8, y + 15, name, y + 28, node.note)
    )


def _drawing(shape: str, width: float, height: float, marks: Markup, nodes: Sequence[DrawnNode]) -> Markup:
    uses = "; ".join(f"{node.name} is made of {', '.join(node.inputs)}" for node in nodes if node.inputs)
    return Markup(
        '<svg class="lineage {}" viewBox="-1 0 {:.0f} {:.0f}" role="img" '
        'aria-labelledby="lineage-{}-title lineage-{}-desc"><title id="lineage-{}-title">From source to service</title>'
        '<desc id="lineage-{}-desc">{}.</desc>{}</svg>'
    ).format(shape, width + 2, height, shape, shape, shape, shape, plain(uses), marks)


def _rows(rows: Mapping[str, int], table: str) -> str:
    return counted(rows.get(table, 0), "row")
