"""An on-demand view whose fields are taken as declared, with their descriptions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from feast import FeatureView, Field, OnDemandFeatureView, RequestSource


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

    def __getitem__(self, names: list[str]) -> OnDemandFeatureView:
        """The view with these fields only, in this order, for a service."""
        chosen: OnDemandFeatureView = super().__getitem__(names)  # type: ignore[no-untyped-call]
        chosen.projection.features = _by_name_and_type(chosen.projection.features)
        return chosen

    def infer_features(self) -> None:
        """The schema is declared; there is nothing to infer."""


def _by_name_and_type(fields: list[Field]) -> list[Field]:
    return [Field(name=field.name, dtype=field.dtype) for field in fields]
