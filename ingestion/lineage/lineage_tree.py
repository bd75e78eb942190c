"""Column lineage as somebody asks for it: what a feature, view or service is made of, and what a column becomes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from feature_repo.errors import ConfigurationError
from feature_repo.near_names import did_you_mean
from ingestion.lineage.column_lineage import ColumnLineage, Node, column_lineage

# What a text tree calls the kinds.
_WORDS: Final = {"log": "log column", "source": "source column", "request": "request column"}
_HANGING: Final = "  "
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
    #: Of a column: the features that are made of it. Of a view, service or model: its features.
    features: list[str]
    #: What of all this no expression says, and why.
    untraced: list[str]


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
    services = {
        made.name
        for feature in features
        for made in lineage.downstream(feature)
        if made.kind == "service" and (node.kind != "service" or made == node)
    }
    return _named(lineage, _tree(lineage, node), features, services)


def lineage_of_model(name: str, service: str, features: Sequence[str]) -> NamedLineage:
    """The lineage of a model of a service, trained on these features (`view:feature`), as they are computed today."""
    lineage = column_lineage()
    declared = [node for feature in features if (node := Node("feature", feature)) in lineage.values]
    parts = tuple(_tree(lineage, node) for node in declared)
    of_service = LineageNode("service", service, None, parts)
    gone = [feature for feature in features if Node("feature", feature) not in declared]
    note = f"{', '.join(gone)}: not declared any more" if gone else None
    return _named(lineage, LineageNode("model", name, note, (of_service,)), declared, {service})


def _named(
    lineage: ColumnLineage, made_of: LineageNode, features: Sequence[Node], services: Collection[str]
) -> NamedLineage:
    views = dict.fromkeys(feature.name.partition(":")[0] for feature in features)
    of_rows = (column for view in views for column in lineage.rows.get(Node("view", view), ()))
    notes = [
        *_untraced(made_of),
        *(_note(column, lineage.notes[column]) for column in of_rows if column in lineage.notes),
    ]
    return NamedLineage(
        made_of,
        {view: [column.name for column in lineage.rows.get(Node("view", view), ())] for view in views},
        sorted(services),
        [feature.name for feature in features] if made_of.kind != "feature" else [],
        list(dict.fromkeys(notes)),
    )


def tree_lines(root: LineageNode) -> Iterator[tuple[str, str]]:
    """A tree, one step a line: its text, and what a second line of it would begin with.

    Steps that are made of columns alone stand with them in one line; so do the features of a service.
    """
    yield _titled(root), _HANGING
    yield from _branches(root.parts, "", is_short=root.kind == "service")


def dot_lines(root: LineageNode) -> Iterator[str]:
    """The same in the language of Graphviz."""
    yield "digraph lineage {"
    yield "  rankdir=LR; node [shape=box];"
    edges: dict[tuple[str, str], None] = {}
    for made, of in _edges(root):
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


def _branches(parts: Sequence[LineageNode], indent: str, *, is_short: bool) -> Iterator[tuple[str, str]]:
    for place, part in enumerate(parts):
        branch, below = _BRANCHES[place == len(parts) - 1]
        hanging = f"{indent}{below}{_HANGING}"
        if is_short:
            yield f"{indent}{branch}{part.name} = {_ends(part)}", hanging
        elif part.kind != "feature" and all(leaf.kind in ("source", "log") for leaf in part.parts):
            yield f"{indent}{branch}{_titled(part)}{_leaves(part)}", hanging
        else:
            yield f"{indent}{branch}{_titled(part)}", hanging
            yield from _branches(part.parts, indent + below, is_short=part.kind == "service")


def _ends(node: LineageNode) -> str:
    """What a feature is made of in the end, each once."""
    ends = [leaf for leaf in _flat(node) if not leaf.parts]
    return ", ".join(dict.fromkeys(leaf.name if leaf.kind == "source" else _titled(leaf) for leaf in ends))


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


def _titled(node: LineageNode | Node) -> str:
    word = _WORDS.get(node.kind, node.kind)
    return f"{word} {node.name}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _untraced(root: LineageNode) -> Iterator[str]:
    return (_note(node, node.untraced) for node in (root, *_flat(root)) if node.untraced)


def _note(node: LineageNode | Node, why: str) -> str:
    return f"{_titled(node)}: {why}"
