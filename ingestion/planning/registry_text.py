"""Objects of Feast's registry as text that can be compared (ingestion/planning/objects.py).

Features stand for themselves. What Feast copies from one object into another (a source into its view, fields into a
service) is one property, a digest, so that a change is told where it was made. Nothing of an object is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from ingestion.planning.objects import ttl_text

# Feast's types by the names that declarations give them; others keep their own.
_TYPES: Final = {
    "BOOL": "Bool",
    "DOUBLE": "Float64",
    "INT64": "Int64",
    "STRING": "String",
    "UNIX_TIMESTAMP": "UnixTimestamp",
}
_PROPERTIES: Final = {"valueType": "type", "joinKey": "join key", "entities": "entity", "tags.available": "available"}
# Parts of an object that are copies of others, or the bytes of a function.
_COPIES: Final = ("batchSource", "features", "sources")
_FUNCTION: Final = "featureTransformation"


def text_of_objects(objects: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The objects of `registry_objects.py` as properties. The features of a view follow it."""
    texts: dict[str, dict[str, str]] = {}
    for name, message in objects.items():
        kind, _, own_name = name.rpartition(" ")
        spec = {part: value for part, value in message.get("spec", message).items() if part != "name"}
        features = spec.pop("features", []) if kind.endswith("view") else []
        texts[name] = {**_facts(spec), **dict(_properties(spec))}
        for feature in features:
            fields = {part: value for part, value in feature.items() if part != "name"}
            texts[f"feature {own_name}:{feature['name']}"] = dict(_properties(fields))
    return texts


def _facts(spec: dict[str, Any]) -> dict[str, str]:
    """The properties that are no leaves of the message: its TTL, lists of features, request columns, digests.

    Removes from `spec` the parts that nothing more is to be said of.
    """
    facts = {}
    if "ttl" in spec:
        facts["TTL"] = ttl_text(timedelta(seconds=float(spec.pop("ttl").removesuffix("s"))))
    if projections := spec.get("features"):
        facts["features"] = "\n".join(_references(projections))
    sources = spec.get("sources", {}).values()
    columns = [
        column
        for source in sources
        for column in source.get("requestDataSource", {}).get("requestDataOptions", {}).get("schema", [])
    ]
    facts |= {f"request column {column['name']}": _type(column["valueType"]) for column in columns}
    looked_up = [source["featureViewProjection"] for source in sources if "featureViewProjection" in source]
    facts["looks up"] = "\n".join(_references(looked_up))
    if _FUNCTION in spec:
        facts["function"] = _digest(spec.pop(_FUNCTION))
    if copies := {part: spec.pop(part) for part in _COPIES if part in spec}:
        facts["copies of other objects"] = _digest(copies)
    return {fact: text for fact, text in facts.items() if text}


def _references(projections: list[dict[str, Any]]) -> list[str]:
    return [
        f"{projection['featureViewName']}:{column['name']}"
        for projection in projections
        for column in projection.get("featureColumns", [])
    ]


def _properties(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each leaf by its path, in which items of a list have their names."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _properties(part, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value):
        for item in value:
            for name, part in item.items():
                yield from _properties(part, f"{path}.{item['name']}.{name}")
    else:
        texts = [value] if not isinstance(value, list) else value
        yield _PROPERTIES.get(path, path), "\n".join(_type(text) for text in texts)


def _type(text: Any) -> str:
    return _TYPES.get(str(text), str(text))


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
