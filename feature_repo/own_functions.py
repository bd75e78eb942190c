"""Functions of this repository's views are taken from this repository, and never from Feast's registry.

Feast stores the source and the pickled body of a function with its view, and whenever it reads the view it executes the
one or loads the other: who can write the registry runs code in whatever reads it. Here a stored view that is called
like one of ours is read without what is stored of a function. It gets the function of feature_repo/on_demand.py where
the stored source is the same, and otherwise one that refuses to be run; so a registry with another function can be
looked at, compared and applied to, but not computed with.

Views of the user's own are read as Feast reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, wraps
from typing import Any, NoReturn

from feast import FeatureView, OnDemandFeatureView, StreamFeatureView
from feast.transformation.python_transformation import PythonTransformation

from feature_repo.groups import STORED_VIEWS
from feature_repo.refusals import StoredFunctionDiffers


def ignore_stored_functions() -> None:
    """From now on Feast reads views of this repository without their stored functions. May be called again."""
    for kind, read in ((OnDemandFeatureView, _on_demand), (FeatureView, _stored), (StreamFeatureView, _stored)):
        original = vars(kind)["from_proto"].__func__
        if not hasattr(original, "__wrapped__"):
            setattr(kind, "from_proto", classmethod(read(original)))  # noqa: B010 (not an assignment that types allow)


def require_own_functions(views: Iterable[OnDemandFeatureView]) -> None:
    """Raise StoredFunctionDiffers for a view of this repository that the registry holds with another function."""
    declared = _declared()
    for view in views:
        ours = declared.get(view.name)
        if ours is not None and view.feature_transformation is not ours.feature_transformation:
            raise _differs(view.name)


def _declared() -> dict[str, OnDemandFeatureView]:
    from feature_repo.on_demand import ON_DEMAND_VIEWS

    return {view.name: view for view in ON_DEMAND_VIEWS}


def _stored(original: Callable[..., Any]) -> Callable[..., Any]:
    """Stored views of ours compute nothing, whatever the registry says."""
    ours = {view.name for view in STORED_VIEWS}

    @wraps(original)
    def from_proto(cls: Any, proto: Any, skip_udf: bool = False) -> Any:
        return original(cls, proto, skip_udf=skip_udf or proto.spec.name in ours)

    return from_proto


def _on_demand(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def from_proto(cls: Any, proto: Any, skip_udf: bool = False) -> Any:
        ours = _declared().get(proto.spec.name)
        view = original(cls, proto, skip_udf=skip_udf or ours is not None)
        if ours is not None and not skip_udf:
            view._raw_feature_transformation_proto = None
            # What Feast looks up besides, with whatever functions that has.
            view.source_feature_view_projections = ours.source_feature_view_projections
            view.source_request_sources = ours.source_request_sources
            view.feature_transformation = (
                ours.feature_transformation if _is_the_same(proto.spec, ours) else _refusing(proto.spec)
            )
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
        f"Feast's registry holds another function for {name} than feature_repo/on_demand.py",
        "Nothing was computed, and the stored function was not run",
        "Run `pikkit apply` where this repository is the newer one, or bring it up to what was applied; where nobody "
        "changed the function, find out who can write the schema `feast` (docs/serving.md)",
        view=name,
    )
