"""The gates as configured: `quality/gates.toml`, and what a user overrides of it."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, get_args

from quality.gates.gate import Gate, Gates, Scope
from quality.gates.keys import GateKeys, gate_problems
from quality.gates.measures import GATE_MEASURES


class GatesUnusable(ValueError):
    """A configuration of gates that cannot be used. `problems` names everything that is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@cache
def default_gates() -> Gates:
    """The gates of `quality/gates.toml`, in its order."""
    return _gates(_defaults(), [])


def gates_with(overrides: Mapping[str, GateKeys]) -> Gates:
    """The default gates with some of their keys replaced: `{"max_data_age_days": {"threshold": 30}}`.

    The keys are those of `quality/gates.toml`; `operator` says what a gate is, and stays.
    Raises GatesUnusable naming all unknown gates and keys and all values that a key cannot have.
    """
    merged, found = dict[str, GateKeys](_defaults()), list[str]()
    for gate, table in overrides.items():
        if problem := _not_mergeable(gate, table):
            found.append(problem)
        else:
            merged[gate] = {**merged[gate], **table}
    return _gates(merged, found)


def check_whole(gates: Gates) -> None:
    """Raises GatesUnusable unless every measure has one gate, and every gate has scopes in which it is measured."""
    if found := list(_holes(gates)):
        raise GatesUnusable(found)


@cache
def _defaults() -> dict[str, dict[str, Any]]:
    return tomllib.loads(resources.files("quality").joinpath("gates.toml").read_text("utf-8"))


def _not_mergeable(gate: str, table: object) -> str | None:
    if gate not in _defaults():
        return f"{gate}: there is no such gate"
    if not isinstance(table, Mapping):
        return f"{gate}: must be a table of keys such as threshold, not {table!r}"
    operator = _defaults()[gate]["operator"]
    if table.get("operator", operator) != operator:
        return f"{gate}.operator: cannot be changed from {operator!r}"
    return None


def _gates(tables: Mapping[str, GateKeys], found: list[str]) -> Gates:
    found = found + [f"{gate}.{problem}" for gate, table in tables.items() for problem in gate_problems(gate, table)]
    if found:
        raise GatesUnusable(found)
    gates = tuple(_gate(name, table) for name, table in tables.items())
    check_whole(gates)
    return gates


def _gate(name: str, table: Mapping[str, Any]) -> Gate:
    return Gate(
        name=name,
        scopes=tuple(scope for scope in get_args(Scope) if scope in table["scope"]),
        severity=table["severity"],
        operator=table["operator"],
        threshold=table["threshold"],
        upper=table.get("upper"),
        min_rows=table["min_rows"],
        min_failing_rows=table.get("min_failing_rows", 0),
        meaning=table["meaning"],
    )


def _holes(gates: Gates) -> Iterator[str]:
    names, measured = [gate.name for gate in gates], {name for name, _ in GATE_MEASURES}
    yield from (f"{name}: the gate is missing" for name in sorted(measured - set(names)))
    yield from (f"{name}: there is no such measure" for name in sorted(set(names) - measured))
    yield from (f"{name}: stands there twice" for name in sorted({name for name in names if names.count(name) > 1}))
    for gate in gates:
        if not gate.scopes:
            yield f"{gate.name}.scope: is empty"
        for scope in gate.scopes:
            if gate.name in measured and (gate.name, scope) not in GATE_MEASURES:
                yield f"{gate.name}: is not measured on the {scope}"
