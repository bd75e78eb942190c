"""The Redis keys of the entities in a request. A key that is missing in part is refused, not looked up as nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from feast.errors import FeastError

from feature_repo import errors
from feature_repo.feast_internals import EntityKey, serialize_entity_key
from feature_repo.online_store.layout import entity_key, key_prefix
from feature_repo.online_store.read_plan import RequestKeys

# Rows named in a message before "and so many more".
_ROWS_NAMED: Final = 5


class FeastEntityKeysMissing(errors.EntityKeysMissing, FeastError, KeyError):
    """What stock raises where it notices, too; and `feast serve` tells by the status that the request is at fault."""

    def http_status_code(self) -> int:
        """What the request holds cannot be read."""
        return 422


def redis_keys(entity: RequestKeys, request: Mapping[str, Sequence[Any]], project: bytes, version: int) -> list[bytes]:
    """The Redis key of each row of a request (column -> Value messages), in order. Raises EntityKeysMissing."""
    if missing := [column for column in entity.columns if column not in request]:
        named = sorted(missing)
        raise FeastEntityKeysMissing(
            # Feast's own words.
            f"Missing join key values for keys: {named}. No values provided for keys: {named}. "
            f"Provided join_key_values: {list(request)}",
            "Nothing was read",
            f"Give every row {' and '.join(entity.columns)}",
        )
    if len(entity.join_keys) == 1 and version == 3:
        values = request[entity.columns[0]]
        keys = _text_keys(entity.join_keys[0], values, project)
        if keys is not None:
            return keys
    columns = [request[column] for column in entity.columns]
    _check_whole(entity.columns, columns)
    return [
        serialize_entity_key(EntityKey(join_keys=entity.join_keys, entity_values=row), version) + project
        for row in zip(*columns, strict=True)
    ]


def keys_of_protos(entities: Sequence[Any], project: bytes, version: int) -> list[bytes]:
    """The same for Feast's EntityKey messages. Raises EntityKeysMissing."""
    for row, entity in enumerate(entities):
        for name, value in zip(entity.join_keys, entity.entity_values, strict=True):
            if _is_null(value):
                raise _null_key(name, [row])
    return [serialize_entity_key(entity, version) + project for entity in entities]


def _text_keys(join_key: str, values: Sequence[Any], project: bytes) -> list[bytes] | None:
    """The keys when all values are texts, which is the usual case."""
    prefix, keys = key_prefix(join_key), []
    for value in values:
        text = value.string_val
        if not text and value.WhichOneof("val") != "string_val":
            return None
        keys.append(entity_key(prefix, text, project))
    return keys


def _check_whole(names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    for name, column in zip(names, columns, strict=True):
        if rows := [row for row, value in enumerate(column) if _is_null(value)]:
            raise _null_key(name, rows)


def _is_null(value: Any) -> bool:
    return value.WhichOneof("val") in (None, "null_val")


def _null_key(name: str, rows: Sequence[int]) -> FeastEntityKeysMissing:
    more = f" and {len(rows) - _ROWS_NAMED} more" if len(rows) > _ROWS_NAMED else ""
    return FeastEntityKeysMissing(
        f"{name} is null in row {', '.join(map(str, rows[:_ROWS_NAMED]))}{more} of the request (the first row is 0)",
        "Nothing was read",
        f"Leave these rows out: nothing is stored of a null {name}",
    )
