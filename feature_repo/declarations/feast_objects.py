"""What is declared as plain data (features.py, views.py, feature_lists.py), as Feast's own objects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

from feast import Entity, FeatureService, FeatureView, Field, OnDemandFeatureView, RequestSource, types

from feature_repo.declarations.feature_lists import FeatureList
from feature_repo.declarations.features import DataType, DeclaredFeature
from feature_repo.declarations.views import BetView, GroupedView, OnDemandDeclaration
from feature_repo.feast_internals import DUMMY_ENTITY_ID
from feature_repo.sources import history_source

_TYPES: Final[Mapping[DataType, types.PrimitiveFeastType]] = {
    "Bool": types.Bool,
    "Float64": types.Float64,
    "Int64": types.Int64,
    "String": types.String,
    "UnixTimestamp": types.UnixTimestamp,
}


def feast_fields(features: Iterable[DeclaredFeature]) -> list[Field]:
    """Feast's fields of these features. The tag `available` repeats for programs what the description ends with."""
    return [
        Field(
            name=feature.name,
            dtype=_TYPES[feature.dtype],
            description=feature.description,
            tags={"available": feature.available},
        )
        for feature in features
    ]


def request_source(name: str, description: str, columns: Mapping[str, DataType]) -> RequestSource:
    """The columns that a request must have, by name and type."""
    schema = [Field(name=column, dtype=_TYPES[dtype]) for column, dtype in columns.items()]
    return RequestSource(name=name, description=description, schema=schema)


def stored_view(view: GroupedView | BetView, entity: Entity) -> FeatureView:
    """The view as Feast reads it from Postgres: its key, spelled as in feature_repo/group_keys.py, and its features."""
    key = Field(
        name=view.join_key, dtype=types.String, description="Join key, as feature_repo/group_keys.py spells it."
    )
    return FeatureView(
        name=view.name,
        description=view.description,
        entities=[entity],
        ttl=view.ttl,
        schema=[key, *feast_fields(view.declared)],
        source=history_source(view),
    )


def looked_up_views(declared: OnDemandDeclaration, views: Iterable[FeatureView]) -> list[FeatureView]:
    """What an on-demand view looks up, each of `views` narrowed to what it takes of it."""
    by_name = {view.name: view for view in views}
    references = (reference.split(":") for reference in declared.looked_up)
    return [by_name[view][[feature]] for view, feature in references]


def feature_service(published: FeatureList, views: Mapping[str, FeatureView | OnDemandFeatureView]) -> FeatureService:
    """The service of a published list, over the views that are declared."""
    return FeatureService(
        name=published.service,
        description=published.description,
        features=[views[view][list(names)] for view, names in published.features.items()],
    )


class DeclaredOnDemandFeatureView(OnDemandFeatureView):
    """Feast's on-demand view in batch Python mode, without guessing.

    For Feast's own class `feast apply` calls the function with made-up values (odds of 1.0, no join keys) to infer
    types, and then refuses every field that has a description, because the inferred one has none. And a service that
    refers to such a field cannot be served, because Feast forgets these descriptions when it reads the view back.
    Here nothing is inferred, and services refer to the fields by name and type.
    """

    def __init__(
        self,
        *,
        name: str,
        function: Callable[[dict[str, list[Any]]], dict[str, list[Any]]],
        schema: list[Field],
        sources: list[FeatureView | RequestSource],
        description: str,
    ) -> None:
        super().__init__(
            name=name,
            schema=schema,
            sources=cast(Any, sources),
            udf=cast(Any, function),
            udf_string=inspect.getsource(function),
            mode="python",
            description=description,
        )
        self.projection.features = _by_name_and_type(schema)
        # What an apply infers for a view of no entity. So what is declared is what is stored, to the letter.
        self.entity_columns = [Field(name=DUMMY_ENTITY_ID, dtype=types.String)]

    def __getitem__(self, names: list[str]) -> OnDemandFeatureView:
        """The view with these fields only, in this order, for a service."""
        chosen: OnDemandFeatureView = super().__getitem__(names)  # type: ignore[no-untyped-call]
        chosen.projection.features = _by_name_and_type(chosen.projection.features)
        return chosen

    def infer_features(self) -> None:
        """The schema is declared; there is nothing to infer."""


def _by_name_and_type(fields: list[Field]) -> list[Field]:
    return [Field(name=field.name, dtype=field.dtype) for field in fields]
