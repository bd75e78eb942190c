"""The gates as configured: `quality/gates.toml`, and what a user overrides of it."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Set
from functools import cache
from importlib import resources
from typing import Any, get_args

from quality.gates.gate import Gate, Gates, Operator, Scope, Severity
from quality.gates.measures import GATE_MEASURES

# The keys of one gate, as TOML holds them.
GateKeys = Mapping[str, object]

# Past it, whole numbers are no exact floats any more.
LARGEST = 2**53


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
    found = found + [f"{gate}.{problem}" for gate, table in tables.items() for problem in _problems(gate, table)]
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


def _problems(gate: str, table: GateKeys) -> Iterator[str]:
    """Everything that is wrong with the keys of one gate, each problem beginning with the key."""
    measures = {scope: measure for (name, scope), measure in GATE_MEASURES.items() if name == gate}
    is_share = any(measure.is_share for measure in measures.values())
    wanted = _wanted(is_share, table.get("operator"))
    found = [f"{key}: is missing" for key in KEYS if key in wanted - table.keys()]
    found += [f"{key}: {_unwanted(key)}" for key in table if key not in wanted]
    for key, (is_right, must) in KEYS.items():
        if key in wanted & table.keys() and not is_right(table[key]):
            found.append(f"{key}: must be {must}, not {table[key]!r}")
    yield from found or _contradictions(table, measures.keys(), is_share)


def _wanted(is_share: bool, operator: object) -> set[str]:
    optional = {"upper": operator == "between", "min_failing_rows": is_share}
    return {key for key in KEYS if optional.get(key, True)}


def _unwanted(key: str) -> str:
    return {
        "upper": 'only a gate whose operator is "between" has one',
        "min_failing_rows": "only a gate on a share of rows has it",
    }.get(key, "there is no such key")


def _contradictions(table: Mapping[str, Any], measured: Set[Scope], is_share: bool) -> Iterator[str]:
    threshold, upper = table["threshold"], table.get("upper")
    if unmeasured := [scope for scope in table["scope"] if scope not in measured]:
        yield f"scope: measured on the {' and the '.join(measured) or 'nothing'}, not on the {unmeasured[0]}"
    if upper is not None and upper < threshold:
        yield f"upper: {upper} is below the threshold of {threshold}"
    if is_share and not 0 <= threshold <= 1:
        yield f"threshold: is a share and must lie between 0 and 1, not {threshold}"


def _is_scopes(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(scope in get_args(Scope) for scope in value)


def _is_number(value: object) -> bool:
    # NaN is not within any limits.
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_number(value) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _one_of(names: tuple[str, ...]) -> tuple[Callable[[object], bool], str]:
    return lambda value: value in names, f"one of {', '.join(names)}"


KEYS: dict[str, tuple[Callable[[object], bool], str]] = {
    "meaning": (_is_text, "text"),
    "scope": (_is_scopes, 'a list of "batch", "dataset" or both'),
    "severity": _one_of(get_args(Severity)),
    "operator": _one_of(get_args(Operator)),
    "threshold": (_is_number, "a finite number"),
    "upper": (_is_number, "a finite number"),
    "min_rows": (_is_count, "a whole number from 0"),
    "min_failing_rows": (_is_count, "a whole number from 0"),
}
