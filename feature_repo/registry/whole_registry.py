"""Feast's registry read by one statement, where Feast itself asks for each kind of object by a statement of its own.

A store reads the whole registry when it is made, and again after every object that an apply writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final

from feature_repo.postgres.queries import feast_statement

# Those of the statement (sql/registry_contents.sql). What Feast reads besides, it reads itself.
_TABLES: Final = frozenset(
    {
        "data_sources",
        "entities",
        "feature_services",
        "feature_views",
        "label_views",
        "on_demand_feature_views",
        "permissions",
        "saved_datasets",
        "stream_feature_views",
        "validation_references",
    }
)

# By table and project its messages, while Feast reads the whole registry; None otherwise.
_messages: ContextVar[Mapping[tuple[str, str], Sequence[bytes]] | None] = ContextVar("_messages", default=None)


def fetching_all(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The method that reads the whole registry, with all of its messages at hand (`fetched_messages`) meanwhile."""

    @wraps(original)
    def proto(self: Any) -> Any:
        messages: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
        with self.read_engine.begin() as connection:
            for table, project, message in connection.exec_driver_sql(feast_statement("registry_contents")):
                messages[table, project].append(bytes(message))
        token = _messages.set(messages)
        try:
            return original(self)
        finally:
            _messages.reset(token)

    return proto


def fetched_messages(table: str, project: str) -> Sequence[bytes] | None:
    """The messages of a table and a project, those of views each behind the name of its row and a zero byte.

    None where nobody reads the whole registry, or the table is not among those that are read at once.
    """
    messages = _messages.get()
    return None if messages is None or table not in _TABLES else messages.get((table, project), ())
