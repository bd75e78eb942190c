"""The columns of a request that each feature on demand is computed from, read off the text of
`feature_repo/on_demand_functions.py`: which inputs a value comes from, running a function does not say.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import feature_repo
from feature_repo.declarations import views
from feature_repo.declarations.views import OnDemandDeclaration

_FILE: Final = Path(feature_repo.__file__).with_name("on_demand_functions.py")
# What looks up the codes of names (feature_repo/bets/vocabulary.py).
_ENCODER: Final = "encode_names"


class OnDemandRoots(NamedTuple):
    """What one feature is computed from."""

    #: Columns of the request, and join keys.
    request: tuple[str, ...]
    #: Whether the codes of features.vocabulary are.
    is_encoded: bool
    #: Whether all of that could be told: the function takes its inputs by their names.
    is_traced: bool


def on_demand_roots(text: str | None = None) -> dict[str, dict[str, OnDemandRoots]]:
    """By view and feature. `text` is the source of the module: where it is null, of the one that Feast's views have."""
    module = ast.parse(_FILE.read_text(encoding="utf-8") if text is None else text)
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    return {
        declared.name: _of_view(declared, functions[function]) for declared, function in _declared_functions(module)
    }


def _declared_functions(module: ast.Module) -> Iterator[tuple[OnDemandDeclaration, str]]:
    """Each declaration with the name of its function, as the table of the functions has them."""
    for table in (node for node in ast.walk(module) if isinstance(node, ast.Dict)):
        for name, function in zip(table.keys, table.values, strict=True):
            if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name) and isinstance(function, ast.Name):
                yield getattr(views, name.value.id), function.id


def _of_view(declared: OnDemandDeclaration, function: ast.FunctionDef) -> dict[str, OnDemandRoots]:
    computed = {
        key.value: _of_value(value, function)
        for statement in function.body
        if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Dict)
        for key, value in zip(statement.value.keys, statement.value.values, strict=True)
        if isinstance(key, ast.Constant)
    }
    return {
        # What is declared and not returned is a column of the request, which Feast passes on.
        feature.name: computed.get(feature.name)
        or OnDemandRoots((feature.name,), is_encoded=False, is_traced=feature.name in declared.request)
        for feature in declared.declared
    }


def _of_value(value: ast.expr, function: ast.FunctionDef) -> OnDemandRoots:
    inputs = function.args.args[0].arg
    assigned = {
        target.id: statement.value
        for statement in function.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    nodes = list(_reached(value, assigned))
    by_name = [node for node in nodes if isinstance(node, ast.Subscript) and _is(node.value, inputs)]
    columns = [node.slice.value for node in by_name if isinstance(node.slice, ast.Constant)]
    # The instant of a training row (`inputs.get`) is no column of a request.
    by_row = [
        node for node in nodes if isinstance(node, ast.Attribute) and node.attr == "get" and _is(node.value, inputs)
    ]
    uses = sum(_is(node, inputs) for node in nodes)
    return OnDemandRoots(
        tuple(dict.fromkeys(map(str, columns))),
        is_encoded=any(isinstance(node, ast.Call) and _is(node.func, _ENCODER) for node in nodes),
        is_traced=uses == len(columns) + len(by_row),
    )


def _reached(value: ast.expr, assigned: Mapping[str, ast.expr]) -> Iterator[ast.AST]:
    """The nodes of an expression, and of those that its names were assigned."""
    for node in ast.walk(value):
        yield node
        if isinstance(node, ast.Name) and node.id in assigned:
            yield from _reached(assigned[node.id], {name: other for name, other in assigned.items() if name != node.id})


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
