"""The keys of a gate in `gates.toml`, and what each may hold."""

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, get_args

from quality.gates.gate import Operator, Scope, Severity
from quality.gates.measures import GATE_MEASURES

GateKeys = Mapping[str, object]

# Past it, whole numbers are no exact floats any more.
LARGEST = 2**53


def gate_problems(gate: str, table: GateKeys) -> Iterator[str]:
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
