"""Events as plain objects: what the client's own `Serde.to_dict` makes of them in two passes, in one.

A run has some forty events with thousands of values between them, however few its rows.
"""

from __future__ import annotations

from typing import Any, Final

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def plain_object(value: Any) -> Any:
    """A value of the client's classes as JSON has it: without attributes that are null and without empty objects in
    lists, with names for members of an enumeration and texts for instants and UUIDs.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    # What attrs, of which the client's classes are made, documents for whoever wants to know a class's attributes.
    if (attributes := getattr(kind, "__attrs_attrs__", None)) is not None:
        return _without_nulls({attribute.name: getattr(value, attribute.name) for attribute in attributes})
    if isinstance(value, dict):
        return _without_nulls(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain for item in value if (plain := plain_object(item)) is not None and plain != {}]
    from openlineage.client.serde import Serde

    return Serde.remove_nulls_and_enums(value)


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    return {name: plain for name, value in members.items() if (plain := plain_object(value)) is not None}
