"""On-demand functions over all bets at once, as Feast runs them: the function of the view, on columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from feast import ValueType

from feature_repo.feast_internals import feast_value_type_to_python_type, python_values_to_proto_values

# What is its own Python value after Feast wrote it into a message of this type and read it back.
_AS_THEY_ARE: Final = {
    ValueType.DOUBLE: {float, type(None)},
    ValueType.INT64: {int, type(None)},
    ValueType.BOOL: {bool, type(None)},
    ValueType.STRING: {str, type(None)},
}


@dataclass(frozen=True)
class Computed:
    """An on-demand view: its function, what that gets, and what the service asks of it.

    `inputs`: argument -> the column it holds; `outputs`: field -> its declared type.
    """

    name: str
    function: Callable[[dict[str, list[Any]]], dict[str, Any]]
    inputs: Mapping[str, str]
    outputs: Mapping[str, ValueType]

    def columns(self, inputs: Mapping[str, list[Any]], bets: int) -> dict[str, list[Any]]:
        """Field -> its values, one per bet, from `inputs`: join keys, request columns and stored features, by name.

        Raises whatever the function raises, and ValueError for a column that is missing or of another length.
        """
        arguments = {argument: inputs[name] for argument, name in self.inputs.items() if name in inputs}
        # A field that is an argument too is passed on.
        results = {**arguments, **self.function(arguments)}
        return {name: self._column(name, results.get(name), bets) for name in self.outputs}

    def _column(self, name: str, values: Any, bets: int) -> list[Any]:
        if not isinstance(values, list) or len(values) != bets:
            raise ValueError(f"{self.name} gave no column {name} of {bets} values")
        return as_declared(values, self.outputs[name])


def as_declared(values: list[Any], feast_type: ValueType) -> list[Any]:
    """The values as Feast hands them on: in the declared type, NaN as None."""
    kinds = set(map(type, values))
    if kinds <= _AS_THEY_ARE.get(feast_type, set()) and not (
        float in kinds and any(value != value for value in values)
    ):
        return values
    return [feast_value_type_to_python_type(message) for message in python_values_to_proto_values(values, feast_type)]


def as_requested(values: Sequence[Any]) -> list[Any]:
    """Request values as Feast hands them to a function: instants to the second, everything else as it is."""
    return [_whole_second(value) if isinstance(value, datetime) and value.microsecond else value for value in values]


def _whole_second(value: datetime) -> datetime:
    # Towards 1970, as int() goes.
    return datetime.fromtimestamp(int(value.timestamp()), UTC)
