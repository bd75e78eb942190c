"""Keys of exactly one project removed from Redis, in batches.

Redis looks for keys by a pattern, and Feast's pattern ends with the project's name: it finds the keys of every project
whose name ends like this one. Each key found is therefore read apart before it is touched.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from feature_repo.feast_internals import feast_redis_key_prefix
from feature_repo.online_store.layout import is_entity_key, timestamp_field, watermarks_key

# Keys looked at before the next ones are read.
_BATCH: Final = 1_000
_STAMP: Final = timestamp_field("")
_GLOB: Final = {special: b"\\" + bytes([special]) for special in b"*?[]\\"}


def delete_view(client: Any, join_keys: Sequence[str], project: str, view: str, fields: Sequence[bytes]) -> int:
    """Remove the watermark of a view, its fields from every entity, and entities that held nothing else.

    `fields` are those of its features. Returns how many entities. Safe to repeat: what was broken off goes on.
    """
    # First of all: without its watermark the view is known to be incomplete.
    forget_watermarks(client, project, [view])
    return delete_rows(client, join_keys, project, view, fields)


def delete_rows(
    client: Any,
    join_keys: Sequence[str],
    project: str,
    view: str,
    fields: Sequence[bytes],
    *,
    but: Container[bytes] = (),
) -> int:
    """Remove a view's fields from every entity but those under the keys `but`, and entities that held nothing else.

    Returns how many entities.
    """
    stamp, touched = timestamp_field(view), 0
    for keys, fields_held in _entities(client, join_keys, project, but):
        with client.pipeline(transaction=False) as pipe:
            for key, names in zip(keys, fields_held, strict=True):
                if stamp not in names:
                    continue
                touched += 1
                if sum(name.startswith(_STAMP) for name in names) == 1:
                    pipe.unlink(key)
                else:
                    pipe.hdel(key, *fields, stamp)
            pipe.execute()
    return touched


def delete_entities(client: Any, join_keys: Sequence[str], project: str) -> int:
    """Remove every entity with these join keys, and the watermarks of all views that they held. Returns how many."""
    removed = 0
    for keys, fields_held in _entities(client, join_keys, project):
        stamps = {name for names in fields_held for name in names if name.startswith(_STAMP)}
        forget_watermarks(client, project, [stamp.removeprefix(_STAMP).decode() for stamp in stamps])
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.unlink(key)
            pipe.execute()
        removed += len(keys)
    return removed


def delete_other_types(client: Any, join_keys: Iterable[Sequence[str]], project: str) -> int:
    """Remove keys of this project's entities, and of its watermarks, under which something else than a hash stands.

    Nothing of Feast's can be written over them. Returns how many.
    """
    entities = [tuple(keys) for keys in join_keys]
    scanned = client.scan_iter(match=b"*" + _literally(project.encode()), count=_BATCH)
    our_keys = (
        key
        for key in scanned
        if key == watermarks_key(project) or any(is_entity_key(key, entity, project) for entity in entities)
    )
    removed = 0
    while keys := list(dict.fromkeys(islice(our_keys, _BATCH))):
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.type(key)
            others = [key for key, kind in zip(keys, pipe.execute(), strict=True) if kind not in (b"hash", b"none")]
        if others:
            removed += client.unlink(*others)
    return removed


def forget_watermarks(client: Any, project: str, views: Iterable[str]) -> None:
    """Remove the watermarks of these views."""
    if names := [view.encode() for view in views]:
        client.hdel(watermarks_key(project), *names)


def forget_copy(client: Any, project: str) -> None:
    """Remove all watermarks of the project, and the note whose copy this is."""
    client.unlink(watermarks_key(project))


def _entities(
    client: Any, join_keys: Sequence[str], project: str, but: Container[bytes] = ()
) -> Iterator[tuple[list[bytes], list[set[bytes]]]]:
    """Batches of the keys of this project's entities with these join keys, but some, and the fields that each holds.

    A scan of Redis may show a key more than once: it is given once in a batch, and never again when it is gone.
    """
    pattern = _literally(feast_redis_key_prefix(list(join_keys))) + b"*" + _literally(project.encode())
    scanned = client.scan_iter(match=pattern, count=_BATCH)
    our_keys = (key for key in scanned if key not in but and is_entity_key(key, join_keys, project))
    while keys := list(dict.fromkeys(islice(our_keys, _BATCH))):
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hkeys(key)
            fields = {key: set(names) for key, names in zip(keys, pipe.execute(), strict=True) if names}
        yield list(fields), list(fields.values())


def _literally(text: bytes) -> bytes:
    """A pattern that finds this text and nothing else."""
    return b"".join(_GLOB.get(character, bytes([character])) for character in text)
