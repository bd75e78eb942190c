"""Functions of this repository's views are taken from this repository, and never from Feast's registry.

Feast stores the source and the pickled body of a function with its view, and whenever it reads the view it executes the
one or loads the other: who can write the registry runs code in whatever reads it. Here a stored view that is called
like one of ours is read without what is stored of a function. It gets the function of
feature_repo/on_demand_functions.py where the stored source is the same, and otherwise one that refuses to be run; so a
registry with another function can be looked at, compared and applied to, but not computed with.

Views of the user's own are read as Feast reads them. Which of the two a view is, the name of its row says: Feast looks
views up by the column `feature_view_name`, while the stored message has a name too, and that may be any. A row whose
message has another name is refused before anything of it is read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from typing import Any, Final, NoReturn

from feast import FeatureView, OnDemandFeatureView, StreamFeatureView
from sqlalchemy import LargeBinary, func, select

from feature_repo.declarations.views import OUR_VIEWS
from feature_repo.errors import StoredFunctionDiffers
from feature_repo.feast_internals import (
    REGISTRY_READERS,
    PythonTransformation,
    SqlRegistry,
    feature_views_table,
    forget_stored_transformation,
    label_views_table,
    on_demand_feature_views_table,
    stream_feature_views_table,
)
from feature_repo.registry.whole_registry import fetched_messages, fetching_all

_TABLES: Final = (feature_views_table, on_demand_feature_views_table, stream_feature_views_table, label_views_table)

# The name of the row that Feast is reading views from; None where it reads none, or inside one.
_row: ContextVar[str | None] = ContextVar("_row", default=None)


def ignore_stored_functions() -> None:
    """From now on Feast reads views of this repository without their stored functions. May be called again."""
    for kind, read in ((OnDemandFeatureView, _on_demand), (FeatureView, _stored), (StreamFeatureView, _stored)):
        original = vars(kind)["from_proto"].__func__
        if not hasattr(original, "__wrapped__"):
            setattr(kind, "from_proto", classmethod(read(original)))  # noqa: B010 (not an assignment that types allow)
    for method in (*REGISTRY_READERS, "_list_objects"):
        original = vars(SqlRegistry)[method]
        if not hasattr(original, "__wrapped__"):
            wrap = _with_row_names if method == "_list_objects" else _noting_row
            setattr(SqlRegistry, method, wrap(original))
    if not hasattr(SqlRegistry.proto, "__wrapped__"):
        setattr(SqlRegistry, "proto", fetching_all(SqlRegistry.proto))  # noqa: B010 (as above)


def require_own_functions(views: Iterable[OnDemandFeatureView]) -> None:
    """Raise StoredFunctionDiffers for a view of this repository that the registry holds with another function."""
    declared = _declared()
    for view in views:
        ours = declared.get(view.name)
        if view.name in OUR_VIEWS and (ours is None or view.feature_transformation is not ours.feature_transformation):
            raise _differs(view.name)


def _declared() -> dict[str, OnDemandFeatureView]:
    from feature_repo.on_demand import ON_DEMAND_VIEWS

    return {view.name: view for view in ON_DEMAND_VIEWS}


# ---- rows and the messages in them -----------------------------------------------------------------------------------


def _noting_row(original: Callable[..., Any]) -> Callable[..., Any]:
    """A reader of one row that notes the row's name for the views that are made meanwhile."""
    signature, name = inspect.signature(original), REGISTRY_READERS[original.__name__]

    @wraps(original)
    def read(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        with _reading(name(call.arguments)):
            return original(*args, **kwargs)

    return read


def _with_row_names(original: Callable[..., Any]) -> Callable[..., Any]:
    """The reader of a whole table, which gets each message with the name of its row. So do those that Feast caches."""

    @wraps(original)
    def read(
        self: Any, table: Any, project: str, proto_class: Any, python_class: Any, proto_field_name: str, **kwargs: Any
    ) -> Any:
        messages = fetched_messages(table.name, project) if kwargs.get("proto_only") else None
        if table in _TABLES:
            table, proto_class = _with_names(table), _NamedMessages(proto_class)
        if messages is not None:
            return [proto_class.FromString(message) for message in messages]
        with _reading(None):
            return original(self, table, project, proto_class, python_class, proto_field_name, **kwargs)

    return read


def _with_names(table: Any) -> Any:
    """The rows of a table of views, with the row's name and a zero byte, which no text has, before each message."""
    name = func.convert_to(table.c.feature_view_name, "UTF8", type_=LargeBinary)
    message = name.op("||")(func.decode("00", "hex", type_=LargeBinary)).op("||")(table.c.feature_view_proto)
    rows = select(table.c.project_id, table.c.last_updated_timestamp, message.label("feature_view_proto"))
    return rows.subquery()


class _NamedMessages:
    """Reads the messages of `_with_names`, and refuses those that have another name than their row."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def FromString(self, named: bytes) -> Any:  # noqa: N802 (as protobuf calls it)
        name, _, message = bytes(named).partition(b"\0")
        view = self.kind.FromString(message)
        _require_name(name.decode(), view.spec.name)
        return view


@contextmanager
def _reading(row: str | None) -> Iterator[None]:
    token = _row.set(row)
    try:
        yield
    finally:
        _row.reset(token)


def _require_name(row: str, message: str) -> None:
    if row != message:
        raise StoredFunctionDiffers(
            f"Feast's registry holds a view that is called {message} in the row of {row}",
            "Nothing was computed, and no stored function was run",
            "Find out who can write the schema `feast` (docs/serving.md), then run `pikkit apply`, which mends the row",
            view=row,
        )


# ---- views -----------------------------------------------------------------------------------------------------------


def _stored(original: Callable[..., Any]) -> Callable[..., Any]:
    """Stored views of ours compute nothing, whatever the registry says."""

    @wraps(original)
    def from_proto(cls: Any, proto: Any, skip_udf: bool = False) -> Any:
        _require_name(_row.get() or proto.spec.name, proto.spec.name)
        with _reading(None):
            return original(cls, proto, skip_udf=skip_udf or proto.spec.name in OUR_VIEWS)

    return from_proto


def _on_demand(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def from_proto(cls: Any, proto: Any, skip_udf: bool = False) -> Any:
        _require_name(_row.get() or proto.spec.name, proto.spec.name)
        is_ours = proto.spec.name in OUR_VIEWS
        with _reading(None):
            view = original(cls, proto, skip_udf=skip_udf or is_ours)
        if is_ours and not skip_udf:
            ours = _declared().get(proto.spec.name)
            forget_stored_transformation(view)
            view.feature_transformation = _refusing(proto.spec)
            if ours is not None:
                # What Feast looks up besides, with whatever functions that has.
                view.source_feature_view_projections = ours.source_feature_view_projections
                view.source_request_sources = ours.source_request_sources
                if _is_the_same(proto.spec, ours):
                    view.feature_transformation = ours.feature_transformation
        return view

    return from_proto


def _is_the_same(stored: Any, ours: OnDemandFeatureView) -> bool:
    """Whether the stored view computes what ours does: by its source, in the same mode, and from nothing else."""
    transformation: Any = ours.feature_transformation
    function = stored.feature_transformation.user_defined_function
    return (
        stored.feature_transformation.WhichOneof("transformation") == "user_defined_function"
        and function.body_text == transformation.udf_string
        and (stored.mode, stored.singleton, stored.write_to_online_store) == ("python", False, False)
        and not stored.aggregations
        and _sources(stored) == _sources(_declaration(ours))
    )


@cache
def _declaration(ours: OnDemandFeatureView) -> Any:
    return ours.to_proto().spec


def _sources(declaration: Any) -> dict[str, tuple[str, str]]:
    """Source -> its kind, and the view that it is a part of."""
    return {
        name: (source.WhichOneof("source"), source.feature_view_projection.feature_view_name)
        for name, source in declaration.sources.items()
    }


def _refusing(stored: Any) -> PythonTransformation:
    name = stored.name

    def refuse(*_: Any) -> NoReturn:
        raise _differs(name)

    # No source of ours is ever equal to this one: an apply puts ours in its place.
    text = f"# not of this repository\n{stored.feature_transformation.user_defined_function.body_text}"
    return PythonTransformation(udf=refuse, udf_string=text)  # type: ignore[arg-type]


def _differs(name: str) -> StoredFunctionDiffers:
    return StoredFunctionDiffers(
        f"Feast's registry holds another function for {name} than feature_repo/on_demand_functions.py",
        "Nothing was computed, and the stored function was not run",
        "Run `pikkit apply` where this repository is the newer one, or bring it up to what was applied; where nobody "
        "changed the function, find out who can write the schema `feast` (docs/serving.md)",
        view=name,
    )
