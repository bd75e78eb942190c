"""Column lineage as somebody asks for it: what a feature, view, service or column is made of, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from feature_repo.errors import ConfigurationError
from feature_repo.near_names import did_you_mean
from ingestion.lineage.column_lineage import ColumnLineage, Node, column_lineage

# What a text tree calls the kinds.
_WORDS: Final = {"log": "log column", "source": "source column", "request": "request column"}
_BRANCHES: Final = {False: ("├── ", "│   "), True: ("└── ", "    ")}


@dataclass(frozen=True)
class LineageNode:
    """A step, and those that it is made of, or that are made of it."""

    kind: str
    name: str
    #: What no expression says of it; null where all of it was traced.
    untraced: str | None
    parts: Sequence[LineageNode]

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "untraced": self.untraced,
            "parts": [part.document() for part in self.parts],
        }


@dataclass(frozen=True)
class NamedLineage:
    """The lineage of one thing that somebody named."""

    #: What it is made of, down to the columns of a source or request.
    made_of: LineageNode
    #: By view: what decides which rows it has and when, beside the values.
    rows: dict[str, list[str]]
    #: Services that hold it, or any feature of it; of a column, those that hold any feature made of it.
    services: list[str]
    #: Of a column: the features that are made of it. Of a view or service: its features.
    features: list[str]


def lineage_of(name: str) -> NamedLineage:
    """The lineage of a feature (`view:feature`, or its name where one view has it), view, service or source column.

    Raises ConfigurationError when there is no such thing, or several features are called so.
    """
    lineage = column_lineage()
    node = _node_of(lineage, name)
    if node.kind == "source":
        features = _features_of_column(lineage, node)
    else:
        features = [node] if node.kind == "feature" else list(lineage.values[node])
    views = dict.fromkeys(feature.name.partition(":")[0] for feature in features)
    services = {
        made.name
        for feature in features
        for made in lineage.downstream(feature)
        if made.kind == "service" and (node.kind != "service" or made == node)
    }
    return NamedLineage(
        _tree(lineage, node),
        {view: [_label(column) for column in lineage.rows.get(Node("view", view), ())] for view in views},
        sorted(services),
        [feature.name for feature in features] if node.kind != "feature" else [],
    )


def tree_lines(root: LineageNode) -> Iterator[str]:
    """A tree, one step a line; steps that are made of columns alone stand with them in one line."""
    yield _titled(root)
    yield from _branches(root.parts, "")


def dot_lines(name: str) -> Iterator[str]:
    """The same in the language of Graphviz."""
    yield "digraph lineage {"
    yield "  rankdir=LR; node [shape=box];"
    edges: dict[tuple[str, str], None] = {}
    for made, of in _edges(lineage_of(name).made_of):
        edges[of, made] = None
    for of, made in edges:
        yield f'  "{_quoted(of)}" -> "{_quoted(made)}";'
    yield "}"


def _node_of(lineage: ColumnLineage, name: str) -> Node:
    known = [*lineage.values, *(Node("source", column) for column in _source_columns(lineage))]
    exact = [node for node in known if node.kind in ("feature", "view", "service") and node.name == name]
    short = [node for node in known if node.kind == "feature" and node.name.partition(":")[2] == name]
    columns = [node for node in known if node.kind == "source" and name in (node.name, f"source:{node.name}")]
    found = exact or short or columns
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(
            f"{name} is a feature of {' and of '.join(node.name.partition(':')[0] for node in found)}",
            "Nothing was looked up",
            f"Name one of {', '.join(node.name for node in found)}"
            + (f", or the column of the source: source:{name}" if columns else ""),
        )
    names = [node.name for node in known if node.kind in ("feature", "view", "service", "source")]
    names += [name.partition(":")[2] for name in names if ":" in name]
    raise ConfigurationError(
        f"There is no feature, view, service or column {name}{did_you_mean(name, names)}",
        "Nothing was looked up",
        "`pikkit lineage` lists views and services, `pikkit features` the features",
    )


def _source_columns(lineage: ColumnLineage) -> list[str]:
    return list(dict.fromkeys(node.name for of in lineage.values.values() for node in of if node.kind == "source"))


def _features_of_column(lineage: ColumnLineage, column: Node) -> list[Node]:
    return [
        node
        for node in lineage.values
        if node.kind == "feature" and column.name in lineage.columns(node, "source", with_rows=True)
    ]


def _tree(lineage: ColumnLineage, node: Node) -> LineageNode:
    parts = tuple(_tree(lineage, part) for part in lineage.values.get(node, ()))
    return LineageNode(node.kind, node.name, lineage.notes.get(node), parts)


def _branches(parts: Sequence[LineageNode], indent: str) -> Iterator[str]:
    for place, part in enumerate(parts):
        branch, below = _BRANCHES[place == len(parts) - 1]
        if all(leaf.kind in ("source", "log") for leaf in part.parts) and part.kind != "feature":
            yield f"{indent}{branch}{_titled(part)}{_leaves(part)}"
        else:
            yield f"{indent}{branch}{_titled(part)}"
            yield from _branches(part.parts, indent + below)


def _leaves(node: LineageNode) -> str:
    """The columns that a step is made of, in the same line: those of the log stand as the source calls them too."""
    if not node.parts:
        return ""
    return f" = {', '.join(map(_column, node.parts))}" if node.kind != "log" else f" = {_sources(node)}"


def _column(part: LineageNode) -> str:
    sources = _sources(part)
    return part.name if sources in ("", part.name) else f"{part.name} ({sources})"


def _sources(node: LineageNode) -> str:
    return ", ".join(dict.fromkeys(leaf.name for leaf in _flat(node) if leaf.kind == "source"))


def _flat(node: LineageNode) -> Iterator[LineageNode]:
    for part in node.parts:
        yield part
        yield from _flat(part)


def _edges(node: LineageNode) -> Iterator[tuple[str, str]]:
    for part in node.parts:
        yield f"{node.kind} {node.name}", f"{part.kind} {part.name}"
        yield from _edges(part)


def _titled(node: LineageNode) -> str:
    word = _WORDS.get(node.kind, node.kind)
    return f"{word} {node.name}"


def _label(node: Node) -> str:
    return node.name


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def untraced(root: LineageNode) -> Iterable[str]:
    """What no expression says of the steps of a tree, each once."""
    nodes = [root, *_flat(root)]
    return dict.fromkeys(f"{_titled(node)}: {node.untraced}" for node in nodes if node.untraced)
