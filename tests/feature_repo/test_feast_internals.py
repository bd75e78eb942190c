"""Each private piece of Feast that is used does what is relied upon, and no module but one uses any."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import feast
import pytest
from feast import Entity, FeatureView, Field, ValueType
from feast.data_source import PushSource
from feast.infra.common.materialization_job import MaterializationJobStatus
from feast.infra.compute_engines.base import ComputeEngine
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres import PostgreSQLOfflineStore
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
    SavedDatasetPostgreSQLStorage,
)
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.infra.passthrough_provider import PassthroughProvider
from feast.protos.feast.core.Registry_pb2 import Registry as RegistryMessage
from feast.types import Float64

from feature_repo import REPOSITORY, feast_internals
from feature_repo.feast_internals import OVERRIDDEN, PATCHED, REGISTRY_READERS
from feature_repo.materialization.engine import GatedEngine
from feature_repo.offline_store import jobs
from feature_repo.offline_store.store import PointInTimeOfflineStore
from feature_repo.online_store.response import FreshOnlineResponse
from feature_repo.online_store.store import FreshOnlineStore
from feature_repo.provider import GatedProvider
from tests.house import PACKAGES

CLASSES: dict[str, Any] = {
    "FeatureView": FeatureView,
    "OnDemandFeatureView": feast.OnDemandFeatureView,
    "OnlineResponse": feast_internals.OnlineResponse,
    "RedisOnlineStore": RedisOnlineStore,
    "RetrievalJob": RetrievalJob,
    "SqlRegistry": feast_internals.SqlRegistry,
    "StreamFeatureView": feast.StreamFeatureView,
}
# A class of ours, and the class of Feast's that it derives from.
DERIVED: list[tuple[type, type]] = [
    (FreshOnlineStore, RedisOnlineStore),
    (FreshOnlineResponse, feast_internals.OnlineResponse),
    (PointInTimeOfflineStore, PostgreSQLOfflineStore),
    (GatedProvider, PassthroughProvider),
    (GatedEngine, ComputeEngine),
    (jobs.Job, RetrievalJob),
    (jobs.QueryJob, RetrievalJob),
    (jobs.PointInTimeRetrievalJob, RetrievalJob),
    (jobs.EveryRowJob, RetrievalJob),
]

HELD: dict[str, Callable[[], None]] = {}


def holds(*pieces: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def note(check: Callable[[], None]) -> Callable[[], None]:
        HELD.update(dict.fromkeys(pieces, check))
        return check

    return note


@pytest.mark.parametrize("piece", feast_internals.__all__)
def test_private_piece_of_feast_behaves_as_relied_upon(piece: str) -> None:
    HELD[piece]()


def _parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def _text_key(value: str) -> Any:
    return feast_internals.EntityKey(join_keys=["sport"], entity_values=[feast_internals.Value(string_val=value)])


def _view() -> FeatureView:
    source = PostgreSQLSource(name="facts", table="mine.facts", timestamp_field="event_timestamp")
    return FeatureView(
        name="facts",
        entities=[Entity(name="sport", join_keys=["sport"], value_type=ValueType.STRING)],
        schema=[Field(name="price", dtype=Float64)],
        source=source,
        ttl=timedelta(days=1, milliseconds=700),
    )


# ---- constants and messages ------------------------------------------------------------------------------------------


@holds("DUMMY_ENTITY_ID", "DUMMY_ENTITY_VAL")
def _the_key_without_entities() -> None:
    assert (feast_internals.DUMMY_ENTITY_ID, feast_internals.DUMMY_ENTITY_VAL) == ("__dummy_id", "")


@holds("TIMESTAMP_POSTFIX")
def _the_suffix_of_event_timestamps() -> None:
    assert feast_internals.TIMESTAMP_POSTFIX == "__ts"


@holds("FieldStatus")
def _statuses() -> None:
    names = ("PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE")
    assert set(names) <= set(feast_internals.FieldStatus.keys())


@holds("GetOnlineFeaturesResponseMetadata")
def _names_of_an_answer() -> None:
    metadata = feast_internals.GetOnlineFeaturesResponseMetadata()
    metadata.feature_names.val.extend(["price"])
    assert metadata.SerializeToString() == b"\x0a\x07\x0a\x05price"


@holds("EntityKey")
def _fields_of_an_entity_key() -> None:
    assert list(feast_internals.EntityKey.DESCRIPTOR.fields_by_name) == ["join_keys", "entity_values"]


@holds("Value")
def _bytes_of_a_value() -> None:
    value = feast_internals.Value
    messages = [value(double_val=0.0), value(string_val="a"), value(int64_val=1), value(bool_val=True)]
    assert [message.SerializeToString()[:1] for message in messages] == [b"\x29", b"\x12", b"\x20", b"\x38"]


@holds(
    "FeatureServiceMessage",
    "FeatureViewMessage",
    "LabelViewMessage",
    "OnDemandFeatureViewMessage",
    "StreamFeatureViewMessage",
)
def _registered_messages_have_a_specification_with_a_name() -> None:
    for message in (
        feast_internals.FeatureServiceMessage,
        feast_internals.FeatureViewMessage,
        feast_internals.LabelViewMessage,
        feast_internals.OnDemandFeatureViewMessage,
        feast_internals.StreamFeatureViewMessage,
    ):
        assert message().spec.name == ""


@holds("FeatureViewMeta")
def _intervals_and_state_of_a_view() -> None:
    assert {"materialization_intervals", "last_updated_timestamp", "state"} <= {
        *feast_internals.FeatureViewMeta.DESCRIPTOR.fields_by_name
    }


# ---- Redis -----------------------------------------------------------------------------------------------------------


@holds("serialize_entity_key", "feast_redis_key")
def _keys_of_entities() -> None:
    key = feast_internals.serialize_entity_key(_text_key("NBA"), 3)
    assert feast_internals.feast_redis_key("pikkit", _text_key("NBA"), 3) == key + b"pikkit"


@holds("feast_redis_key_prefix")
def _keys_of_entities_start_alike() -> None:
    prefix = feast_internals.feast_redis_key_prefix(["sport"])
    assert feast_internals.serialize_entity_key(_text_key("NBA"), 3).startswith(prefix)


@holds("compute_versioned_name", "stored_view_name")
def _name_of_a_view_in_redis() -> None:
    config: Any = SimpleNamespace(registry=SimpleNamespace(enable_online_feature_view_versioning=False))
    names = feast_internals.compute_versioned_name(_view(), False), feast_internals.stored_view_name(_view(), config)
    assert names == ("facts", "facts")


@holds("feast_redis_settings")
def _reading_of_a_connection_string() -> None:
    servers, arguments = feast_internals.feast_redis_settings("localhost:6379,db=3,password=secret")
    assert (servers, arguments) == ([{"host": "localhost", "port": "6379"}], {"db": 3, "password": "secret"})


@holds("redis_client_of", "read_hash_fields")
def _client_and_hash_reads_of_the_store() -> None:
    assert _parameters(RedisOnlineStore._get_client) == ["self", "online_store_config"]
    assert _parameters(RedisOnlineStore._read_hash_fields) == ["self", "config", "commands"]


@holds("OnlineResponse", "declared_types")
def _an_answer_keeps_its_message_and_declared_types() -> None:
    message: Any = SimpleNamespace(metadata=SimpleNamespace(feature_names=SimpleNamespace(val=[])), results=[])
    response = feast_internals.OnlineResponse(message, {"price": ValueType.DOUBLE})
    assert (response.proto, feast_internals.declared_types(response)) == (message, {"price": ValueType.DOUBLE})


@holds("track_feature_statuses")
def _counter_of_statuses() -> None:
    parameters = _parameters(feast_internals.track_feature_statuses)
    assert parameters == ["feature_view_name", "present_count", "not_found_count"]


# ---- Postgres and the registry ---------------------------------------------------------------------------------------


@holds("is_postgres_source", "postgres_table")
def _tables_of_sources_and_saved_datasets() -> None:
    source, storage = _view().batch_source, SavedDatasetPostgreSQLStorage(table_ref="mine.saved")
    pushed = PushSource(name="pushed", batch_source=source)
    assert [feast_internals.postgres_table(part) for part in (source, storage)] == ["mine.facts", "mine.saved"]
    assert [feast_internals.is_postgres_source(part) for part in (source, pushed)] == [True, False]


@holds("postgres_conninfo", "postgres_connection_options")
def _connection_of_the_offline_store() -> None:
    settings: Any = SimpleNamespace(
        user="reader", password="secret", host="localhost", port=5432, database="pikkit", db_schema="features",
        sslmode="disable", sslkey_path=None, sslcert_path=None, sslrootcert_path=None,
    )  # fmt: skip
    assert "host=localhost" in feast_internals.postgres_conninfo(settings)
    options = feast_internals.postgres_connection_options(settings)
    assert (options["sslmode"], options["options"]) == ("disable", "-c search_path=features,public")


@holds("with_offline_settings")
def _settings_of_the_offline_store_are_exchanged_in_a_copy() -> None:
    config = feast.RepoConfig(project="mine", provider="local", registry="registry.db", online_store=None)
    before, settings = config.offline_store, object()
    assert feast_internals.with_offline_settings(config, settings).offline_store is settings
    assert config.offline_store is before


@holds("SqlRegistry", "BaseRegistry")
def _registry_has_an_engine_for_writing() -> None:
    assert issubclass(feast_internals.SqlRegistry, feast_internals.BaseRegistry)
    source = inspect.getsource(feast_internals.SqlRegistry.__init__)
    assert "self.write_engine" in source
    assert _parameters(feast_internals.SqlRegistry.refresh) == ["self", "project"]


@holds("forget_cached_registry")
def _registry_is_read_anew_where_its_cache_has_no_time() -> None:
    for mode, is_kept in (("sync", False), ("thread", True)):
        registry = object.__new__(feast_internals.SqlRegistry)
        registry.cache_mode = mode
        registry.cached_registry_proto = RegistryMessage(version_id="any")
        registry.cached_registry_proto_created = datetime.now(UTC)
        registry.cached_registry_proto_ttl = timedelta(minutes=1)
        assert registry.is_cache_valid()
        feast_internals.forget_cached_registry(registry)
        assert registry.is_cache_valid() == is_kept


@holds("FeastRegistrySchemaError")
def _error_of_missing_tables() -> None:
    assert issubclass(feast_internals.FeastRegistrySchemaError, Exception)


@holds(
    "feature_views_table",
    "label_views_table",
    "on_demand_feature_views_table",
    "stream_feature_views_table",
    "registry_metadata",
)
def _tables_of_views() -> None:
    for table in (
        feast_internals.feature_views_table,
        feast_internals.label_views_table,
        feast_internals.on_demand_feature_views_table,
        feast_internals.stream_feature_views_table,
    ):
        columns = {"feature_view_name", "project_id", "last_updated_timestamp", "feature_view_proto"}
        assert columns <= set(table.columns.keys())
        assert table.metadata is feast_internals.registry_metadata


@holds("REGISTRY_READERS")
def _readers_of_the_registry() -> None:
    arguments = {
        "_get_object": {"name"},
        "_apply_object": {"name", "obj"},
        "apply_feature_view": {"feature_view"},
        "get_feature_view_by_version": {"name"},
    }
    assert REGISTRY_READERS.keys() == arguments.keys()
    for method, needed in arguments.items():
        assert needed <= set(_parameters(vars(feast_internals.SqlRegistry)[method]))


@holds("PATCHED")
def _wrapped_methods() -> None:
    assert all(member in vars(CLASSES[name]) for name, members in PATCHED.items() for member in members)
    for view in ("FeatureView", "OnDemandFeatureView", "StreamFeatureView"):
        assert _parameters(CLASSES[view].from_proto)[1] == "skip_udf"
    first = ["self", "table", "project", "proto_class", "python_class", "proto_field_name"]
    assert _parameters(feast_internals.SqlRegistry._list_objects)[:6] == first


@holds("OVERRIDDEN")
def _overridden_members() -> None:
    members = [(CLASSES[name], member) for name, of_class in OVERRIDDEN.items() for member in of_class]
    missing = [member for kind, member in members if not hasattr(kind, member) and member != "_feature_types"]
    assert missing == []


@pytest.mark.parametrize("member", [name for name in OVERRIDDEN["RedisOnlineStore"] if name in vars(FreshOnlineStore)])
def test_overriding_method_takes_the_arguments_of_feasts_own(member: str) -> None:
    assert _parameters(getattr(FreshOnlineStore, member)) == _parameters(getattr(RedisOnlineStore, member))


# ---- retrieval and materialization -----------------------------------------------------------------------------------


@holds("get_feature_view_query_context")
def _request_of_a_view_in_feasts_words() -> None:
    instants = (datetime(2026, 1, 1, tzinfo=UTC),) * 2
    view = _view()
    view.infer = None  # type: ignore[attr-defined]
    registry: Any = SimpleNamespace(
        list_feature_views=lambda *_, **__: [view],
        list_on_demand_feature_views=lambda *_, **__: [],
        list_entities=lambda *_, **__: [],
        get_entity=lambda *_, **__: Entity(name="sport", join_keys=["sport"], value_type=ValueType.STRING),
    )
    (context,) = feast_internals.get_feature_view_query_context(["facts:price"], [view], registry, "p", instants)
    assert (context.name, context.ttl, context.features, context.field_mapping) == ("facts", 86_400, ["price"], {})


@holds("compute_non_entity_date_range")
def _range_of_time_without_an_entity_frame() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    given = feast_internals.compute_non_entity_date_range([_view()], start_date=start, end_date=end)
    by_ttl, _ = feast_internals.compute_non_entity_date_range([_view()], end_date=end)
    assert given == (start, end)
    assert by_ttl <= start


@holds("feature_views_of_service")
def _views_of_a_service() -> None:
    assert _parameters(feast_internals.feature_views_of_service)[:3] == ["registry", "project", "features"]


@holds("LocalComputeEngine", "LocalMaterializationJob")
def _local_engine_and_its_job() -> None:
    job = feast_internals.LocalMaterializationJob(job_id="facts", status=MaterializationJobStatus.SUCCEEDED)
    assert job.status() == MaterializationJobStatus.SUCCEEDED
    assert issubclass(feast_internals.LocalComputeEngine, ComputeEngine)


@holds("RepoContents", "parse_repo", "extract_objects_for_apply_delete")
def _reading_of_declarations() -> None:
    fields = {"feature_views", "on_demand_feature_views", "entities", "feature_services"}
    assert fields <= set(feast_internals.RepoContents._fields)
    assert _parameters(feast_internals.parse_repo) == ["repo_root"]
    assert _parameters(feast_internals.extract_objects_for_apply_delete) == ["project", "registry", "repo"]


# ---- functions and values --------------------------------------------------------------------------------------------


@holds("PythonTransformation")
def _function_of_an_on_demand_view() -> None:
    transformation = feast_internals.PythonTransformation(udf=dict, udf_string="dict")  # type: ignore[arg-type]
    assert (transformation.udf, transformation.udf_string) == (dict, "dict")


@holds("forget_stored_transformation")
def _stored_message_of_a_function_is_forgotten() -> None:
    assert feast.OnDemandFeatureView._raw_feature_transformation_proto is None
    assert "= self._raw_feature_transformation_proto" in inspect.getsource(feast.OnDemandFeatureView.to_proto)


@holds("feast_value_type_to_python_type", "python_values_to_proto_values", "value_conversion")
def _values_to_messages_and_back() -> None:
    messages = feast_internals.python_values_to_proto_values([1.5, None], ValueType.DOUBLE)
    assert [feast_internals.feast_value_type_to_python_type(message) for message in messages] == [1.5, None]
    assert feast_internals.value_conversion()(ValueType.DOUBLE, [1.5]) == messages[:1]


@holds("replace_value_conversion")
def _replaced_conversion_is_the_one_that_feast_uses() -> None:
    before, ours = feast_internals.value_conversion(), feast_internals.Value(string_val="ours")
    try:
        feast_internals.replace_value_conversion(
            lambda _, values: [feast_internals.Value(string_val="ours")] * len(values)
        )
        messages = feast_internals.python_values_to_proto_values([1.5], ValueType.DOUBLE)
    finally:
        feast_internals.replace_value_conversion(before)
    assert messages == [ours]


# ---- nobody else takes a private piece -------------------------------------------------------------------------------

# What Feast documents: its names, types and errors, and the classes that others derive from.
PUBLIC_MODULES = {
    "feast",
    "feast.data_source",
    "feast.errors",
    "feast.types",
    "feast.infra.common.materialization_job",
    "feast.infra.compute_engines.base",
    "feast.infra.offline_stores.contrib.postgres_offline_store.postgres",
    "feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source",
    "feast.infra.offline_stores.dask",
    "feast.infra.offline_stores.offline_store",
    "feast.infra.online_stores.redis",
    "feast.infra.passthrough_provider",
}
# Members of named tuples, which are public in spite of their names.
NAMED_TUPLE = {"_asdict", "_fields", "_make", "_replace"}
MODULES = [
    path
    for package in PACKAGES
    for path in sorted((REPOSITORY / package).rglob("*.py"))
    if path.name != "feast_internals.py"
]


def _private_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "feast":
            private = [name.name for name in node.names if name.name.startswith("_")]
            if private or node.module not in PUBLIC_MODULES:
                yield ast.unparse(node)
        if isinstance(node, ast.Import):
            yield from (n.name for n in node.names if n.name.startswith("feast.") and n.name not in PUBLIC_MODULES)


def _private_attributes(tree: ast.Module) -> Iterator[str]:
    overridden = {member for members in OVERRIDDEN.values() for member in members}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = ast.unparse(node.value)
            is_own = owner in ("self", "cls") or node.attr in NAMED_TUPLE
            if not is_own and not (owner == "super()" and node.attr in overridden):
                yield ast.unparse(node)


def test_private_pieces_of_feast_are_imported_in_feast_internals_only() -> None:
    offences = {_name(path): found for path in MODULES if (found := [*_private_imports(_parsed(path))])}
    assert offences == {}


def test_private_attributes_of_feast_objects_are_used_in_feast_internals_only() -> None:
    offences = {_name(path): found for path in MODULES if (found := [*_private_attributes(_parsed(path))])}
    assert offences == {}


@pytest.mark.parametrize(("ours", "feasts"), DERIVED, ids=lambda kind: kind.__name__)
def test_derived_class_uses_no_private_member_but_those_listed(ours: type, feasts: type) -> None:
    tree = ast.parse(inspect.getsource(ours))
    own = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()")
    } | {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    inherited = {name for name in own if name.startswith("_") and not name.endswith("__") and hasattr(feasts, name)}
    assert inherited <= OVERRIDDEN.get(feasts.__name__, {}).keys()


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))
