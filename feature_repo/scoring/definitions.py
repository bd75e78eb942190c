"""What a service consists of, as Feast's registry holds it now: everything that scoring needs to know beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, cast

from feast.errors import FeatureServiceNotFoundException
from feast.types import Bool, Float32, Float64, Int32, Int64, String

from feature_repo.bets.frame import Bets, ColumnsMissing, bet_columns
from feature_repo.declarations.groups import GROUPS
from feature_repo.errors import EntityKeysMissing, NotScorable
from feature_repo.feast_internals import feature_views_of_service
from feature_repo.group_keys import REQUEST_COLUMNS, entity_columns
from feature_repo.near_names import did_you_mean
from feature_repo.online_store.read_plan import ReadPlan, make_plan
from feature_repo.registry.own_functions import ignore_stored_functions, require_own_functions
from feature_repo.registry.pinned_services import declared_services, references
from feature_repo.scoring.on_demand import Computed, as_requested
from feature_repo.scoring.stored_features import Reader

if TYPE_CHECKING:
    from feast import FeatureService, FeatureStore, FeatureView, OnDemandFeatureView

ignore_stored_functions()

_BET_ID: Final = "bet_id"
_JOIN_KEYS: Final = (_BET_ID, *(group.join_key for group in GROUPS))
_PANDAS: Final[dict[Any, str]] = {
    Float64: "float64", Float32: "float64", Int64: "float64", Int32: "float64", Bool: "boolean", String: "string"
}  # fmt: skip


@dataclass(frozen=True)
class Definitions:
    """One service.

    `names`          its features, in its order
    `feature_views`  feature -> the view it comes from
    `types`          feature -> pandas' type
    `views`          stored view -> its position in what `reader` gives
    `reader`         of the stored views
    `computed`       its on-demand views
    `join_keys`      what bets are looked up by
    `request`        the columns of a bet that on-demand functions get
    `inputs`         the stored features that they get -> their positions in a row of `reader`
    `arrange`        brings a row, stored values first and computed ones then, into the order of `names`
    """

    service: str
    names: tuple[str, ...]
    feature_views: Mapping[str, str]
    types: Mapping[str, str]
    views: Mapping[str, int]
    reader: Reader
    computed: tuple[Computed, ...]
    join_keys: frozenset[str]
    request: tuple[str, ...]
    inputs: Mapping[str, int]
    arrange: Callable[[tuple[Any, ...]], tuple[Any, ...]]

    def entity_columns(self, bets: Bets) -> dict[str, list[Any]]:
        """Join keys and request columns of the bets. A service of single bets needs nothing but their ids.

        Raises what `feature_repo.bets.frame.bet_columns` raises, and EntityKeysMissing for a bet without a needed id.
        """
        by_id_alone = self.join_keys == {_BET_ID} and not self.request
        columns = bet_columns(bets, (_BET_ID,), ()) if by_id_alone else entity_columns(bets)
        if missing := [name for name in (*self.request, *self.join_keys) if name not in columns]:
            raise ColumnsMissing(missing)
        if _BET_ID in self.join_keys and None in columns[_BET_ID]:
            raise EntityKeysMissing(
                f"{columns[_BET_ID].count(None)} of {len(columns[_BET_ID])} bets have no bet_id",
                "Nothing was scored",
                f"Leave them out: {self.service} looks bets up by their id",
            )
        return columns | {name: as_requested(columns[name]) for name in self.request}


def read_definitions(store: FeatureStore, name: str) -> Definitions:
    """The service as the registry holds it, past every cache.

    Raises NotScorable for a service that is not there or holds what a scorer cannot serve, StoredFunctionDiffers for a
    function that is not of this repository, and whatever the registry raises when it does not answer.
    """
    service = _service(store, name)
    _require_published(service)
    fields = [(field, _name(view)) for view in service.feature_view_projections for field in view.features]
    feature_views: dict[str, str] = {field.name: view for field, view in fields}
    # With the views that only on-demand functions read from.
    views, on_demand = feature_views_of_service(store.registry, store.project, service)
    require_own_functions(on_demand)
    plan = _plan(store, name, views)
    reader = Reader(plan, store.project)
    stored_views = [views[position] for position in reader.views]
    labels = [_name(view.projection) for view in stored_views]
    stored = [field.name for view in stored_views for field in view.projection.features]
    computed = tuple(_computed(name, view, views) for view in on_demand)
    values = [*stored, *(field for view in computed for field in view.outputs)]
    if len(feature_views) < len(fields) or len(set(values)) < len(values):
        raise _refused(name, "two features of its views have the same name")
    return Definitions(
        service=name,
        names=tuple(feature_views),
        feature_views=feature_views,
        types={field.name: _PANDAS.get(field.dtype, "object") for field, _ in fields},
        views={view: labels.index(view) for view in dict.fromkeys(feature_views.values()) if view in labels},
        reader=reader,
        computed=computed,
        inputs={name: stored.index(name) for view in computed for name in view.inputs.values() if name in stored},
        join_keys=frozenset(column for entity in plan.entities for column in entity.columns),
        request=tuple(dict.fromkeys(column for view in on_demand for column in view.get_request_data_schema())),
        arrange=_arrangement([values.index(feature) for feature in feature_views]),
    )


def _service(store: FeatureStore, name: str) -> FeatureService:
    try:
        return store.registry.get_feature_service(name, store.project)
    except FeatureServiceNotFoundException:
        known = sorted(service.name for service in store.registry.list_feature_services(store.project))
        raise NotScorable(
            f"There is no service {name}{did_you_mean(name, known)}",
            "Nothing was scored",
            f"Choose one of {', '.join(known)}",
        ) from None


def _require_published(service: FeatureService) -> None:
    """A service of this repository consists of what is declared here: nothing else of the registry is loaded for it."""
    declared = {ours.name: references(ours) for ours in declared_services()}
    if service.name in declared and references(service) != declared[service.name]:
        raise NotScorable(
            f"Feast's registry holds another list of features for {service.name} than "
            "feature_repo/declarations/feature_lists.py",
            "Nothing was scored, and no function was run",
            "A published list never changes: find out who can write the schema `feast` (docs/serving.md)",
        )


def _plan(store: FeatureStore, service: str, views: Sequence[FeatureView]) -> ReadPlan:
    entities = {entity.name: entity.join_key for entity in store.registry.list_entities(store.project)}
    versioned = store.config.registry.enable_online_feature_view_versioning
    refs = [(view, [field.name for field in view.projection.features]) for view in views]
    plan = make_plan(refs, entities, full=False, versioned=versioned)
    for view, planned in zip(views, plan.views, strict=True):
        columns = plan.entities[planned.entity].columns
        if len(columns) != 1 or columns[0] not in _JOIN_KEYS:
            raise _refused(service, f"view {view.name} is looked up by {' and '.join(columns) or 'nothing'}")
        if view.entity_columns[0].dtype != String:
            raise _refused(service, f"view {view.name} is looked up by a {view.entity_columns[0].dtype}, not by text")
    return plan


def _computed(service: str, view: OnDemandFeatureView, views: Sequence[FeatureView]) -> Computed:
    if view.mode != "python" or view.singleton or view.aggregations or view.write_to_online_store:
        raise _refused(service, f"on-demand view {view.name} has no batch Python function over what a request holds")
    request = view.get_request_data_schema()
    if unknown := sorted(request.keys() - set(REQUEST_COLUMNS)):
        raise _refused(service, f"on-demand view {view.name} asks for {', '.join(unknown)}, which a bet does not have")
    # A function gets join keys, request columns and the features of its own sources. Those of other views Feast takes
    # away by their names, and with them whatever else has such a name.
    sources = {projection.name for projection in view.source_feature_view_projections.values()}
    own = [
        (stored.projection.name, feature.name)
        for stored in views
        if stored.projection.name in sources
        for feature in stored.projection.features
    ]
    others = [stored.projection for stored in views if stored.projection.name not in sources]
    foreign = {feature.name for projection in others for feature in projection.features}
    if hidden := sorted(foreign & request.keys()):
        raise _refused(service, f"on-demand view {view.name} asks for {', '.join(hidden)}, which another view has, too")
    types = {field.name: field.dtype.to_value_type() for field in view.schema}
    # A feature is given by its own name and with its view's, as Feast does.
    full = {f"{view}__{name}": name for view, name in own}
    names = [*_JOIN_KEYS, *request, *(name for _, name in own)]
    return Computed(
        name=view.name,
        function=cast(Any, view.feature_transformation).udf,
        inputs={name: name for name in names if name not in foreign} | full,
        outputs={field.name: types[field.name] for field in view.projection.features},
    )


def _name(projection: Any) -> str:
    return str(projection.name_to_use())


def _arrangement(positions: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    return itemgetter(*positions) if len(positions) > 1 else lambda row: tuple(row[position] for position in positions)


def _refused(service: str, what: str) -> NotScorable:
    return NotScorable(
        f"{service} cannot be scored: {what}",
        "Nothing was scored",
        "Ask for it through Feast: store.get_online_features(service, rows)",
    )
