"""Every private piece of Feast that this repository uses: where it is, why it is needed, and what it must do.

Public are the names of `feast` itself, `feast.types`, `feast.errors` and `feast.data_source`, and the classes that
Feast documents for others to derive from (stores, jobs, sources, providers, engines): they are imported where they are
used. All else of Feast comes from here. tests/feature_repo/test_feast_internals.py holds each piece to what is relied
upon, and fails by its name when a new Feast changes it; it also fails when another module takes a private piece.

Importing this module imports Feast, which takes seconds, and next to nothing that `import feast` alone would not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from feast import type_map

# The key, and its value, that rows of a view without entities have: stored online, and expected of an offline store.
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL

# The engine of `batch_engine: local`. Only in its place do we copy our views ourselves, columns all the way.
from feast.infra.compute_engines.local.compute import LocalComputeEngine

# The job of a materialization that is over: what we return for a view that we copied.
from feast.infra.compute_engines.local.job import LocalMaterializationJob

# An entity's key in Redis, before the project's name: what is read must be spelled as Feast writes it.
from feast.infra.key_encoding_utils import serialize_entity_key

# What a retrieval asks of each view, as Feast's own stores read it: mapped fields, the TTL in whole seconds.
from feast.infra.offline_stores.offline_utils import get_feature_view_query_context

# An entity's whole key in Redis, for the rows that Feast gives us to write.
from feast.infra.online_stores.helpers import _redis_key as feast_redis_key

# How the keys of all entities with the same join keys begin: a deletion looks for them.
from feast.infra.online_stores.helpers import _redis_key_prefix as feast_redis_key_prefix

# What Redis knows a view by: its name, and its version where the registry keeps versions apart.
from feast.infra.online_stores.helpers import compute_versioned_name

# The type of any registry, in signatures.
from feast.infra.registry.base_registry import BaseRegistry

# The registry in Postgres. Intervals are noted in its tables under our lock, and its readers (REGISTRY_READERS) are
# wrapped, so that no stored function of ours is run. The error says that its tables are not there.
from feast.infra.registry.sql import FeastRegistrySchemaError, SqlRegistry
from feast.infra.registry.sql import feature_views as feature_views_table
from feast.infra.registry.sql import label_views as label_views_table

# All tables of the registry: `pikkit migrate` makes them.
from feast.infra.registry.sql import metadata as registry_metadata
from feast.infra.registry.sql import on_demand_feature_views as on_demand_feature_views_table
from feast.infra.registry.sql import stream_feature_views as stream_feature_views_table

# How a connection to Postgres is made of the offline store's settings: the address, and TLS with the search path.
from feast.infra.utils.postgres.connection_utils import _get_conn_kwargs as postgres_connection_options
from feast.infra.utils.postgres.connection_utils import _get_conninfo as postgres_conninfo

# Counts values that were served and that were not there, where `feast serve` exports metrics.
from feast.metrics import track_feature_statuses

# The answer to an online request; ours is the same message, read out faster. Event timestamps have this suffix.
from feast.online_response import TIMESTAMP_POSTFIX, OnlineResponse

# Messages as the registry stores them.
from feast.protos.feast.core.FeatureService_pb2 import FeatureService as FeatureServiceMessage
from feast.protos.feast.core.FeatureView_pb2 import FeatureView as FeatureViewMessage
from feast.protos.feast.core.FeatureView_pb2 import FeatureViewMeta
from feast.protos.feast.core.LabelView_pb2 import LabelView as LabelViewMessage
from feast.protos.feast.core.OnDemandFeatureView_pb2 import OnDemandFeatureView as OnDemandFeatureViewMessage
from feast.protos.feast.core.StreamFeatureView_pb2 import StreamFeatureView as StreamFeatureViewMessage

# Messages of an online answer: what each value is (PRESENT, NOT_FOUND, NULL_VALUE, OUTSIDE_MAX_AGE), and their names.
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus, GetOnlineFeaturesResponseMetadata

# Messages of a stored entity key and a stored value.
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

# What a folder of declarations holds.
from feast.repo_contents import RepoContents

# What `feast apply` does before it applies: read the declarations, and find out what is declared no more.
from feast.repo_operations import extract_objects_for_apply_delete, parse_repo

# What runs the function of an on-demand view: a stored view that is not ours gets one that refuses.
from feast.transformation.python_transformation import PythonTransformation

# A value from its message and back, as Feast's own stores convert it.
from feast.type_map import feast_value_type_to_python_type, python_values_to_proto_values

# The views and on-demand views of a service, also those that only on-demand functions read from.
from feast.utils import _get_feature_views_to_use as feature_views_of_service

# The range of time of a retrieval without an entity frame, with Feast's default start.
from feast.utils import compute_non_entity_date_range

if TYPE_CHECKING:
    from feast import FeatureView, RepoConfig
    from feast.infra.online_stores.redis import RedisOnlineStore

__all__ = [
    "DUMMY_ENTITY_ID",
    "DUMMY_ENTITY_VAL",
    "OVERRIDDEN",
    "PATCHED",
    "REGISTRY_READERS",
    "TIMESTAMP_POSTFIX",
    "BaseRegistry",
    "EntityKey",
    "FeastRegistrySchemaError",
    "FeatureServiceMessage",
    "FeatureViewMessage",
    "FeatureViewMeta",
    "FieldStatus",
    "GetOnlineFeaturesResponseMetadata",
    "LabelViewMessage",
    "LocalComputeEngine",
    "LocalMaterializationJob",
    "OnDemandFeatureViewMessage",
    "OnlineResponse",
    "PythonTransformation",
    "RepoContents",
    "SqlRegistry",
    "StreamFeatureViewMessage",
    "Value",
    "compute_non_entity_date_range",
    "compute_versioned_name",
    "declared_types",
    "extract_objects_for_apply_delete",
    "feast_redis_key",
    "feast_redis_key_prefix",
    "feast_redis_settings",
    "feast_value_type_to_python_type",
    "feature_views_of_service",
    "feature_views_table",
    "forget_cached_registry",
    "forget_stored_transformation",
    "get_feature_view_query_context",
    "is_postgres_source",
    "label_views_table",
    "on_demand_feature_views_table",
    "parse_repo",
    "postgres_connection_options",
    "postgres_conninfo",
    "postgres_table",
    "python_values_to_proto_values",
    "read_hash_fields",
    "redis_client_of",
    "registry_metadata",
    "replace_value_conversion",
    "serialize_entity_key",
    "stored_view_name",
    "stream_feature_views_table",
    "track_feature_statuses",
    "value_conversion",
    "with_offline_settings",
]

# Methods of SqlRegistry that read the row of one view -> the name of that row, from the bound arguments of a call.
REGISTRY_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], str | None]]] = {
    "_get_object": lambda arguments: arguments["name"],
    "_apply_object": lambda arguments: arguments["name"] or getattr(arguments["obj"], "name", None),
    "apply_feature_view": lambda arguments: arguments["feature_view"].name,
    "get_feature_view_by_version": lambda arguments: arguments["name"],
}

# Methods of Feast's that feature_repo/registry/own_functions.py wraps, besides those of REGISTRY_READERS.
PATCHED: Final[Mapping[str, Mapping[str, str]]] = {
    "FeatureView": {"from_proto": "makes a view of its message; with `skip_udf` without its stored function"},
    "OnDemandFeatureView": {"from_proto": "the same"},
    "StreamFeatureView": {"from_proto": "the same"},
    "SqlRegistry": {
        "_list_objects": "reads all rows of one table, and makes objects of the messages unless `proto_only`",
        "proto": "reads the whole registry, by `_list_objects` with `proto_only` of each table",
    },
}

# Private members of Feast's classes that classes of ours put their own in the place of, or use as inherited.
OVERRIDDEN: Final[Mapping[str, Mapping[str, str]]] = {
    "RedisOnlineStore": {
        "_client": "the client of this process, once there is one; None in a new store",
        "_get_client": "ours waits for a short time only, and tries again where a connection was dead",
        "_get_client_async": "ours keeps one client for each event loop",
        "_glide_client": "the client of `client: glide`, which a teardown closes",
        "_read_features_per_fv": "ours asks for each entity once, for all views, and fills in ages and statuses",
        "_read_features_per_fv_async": "the same",
        "_read_hash_fields": "ours sends packed commands where there is one server; else Feast's is used",
    },
    "OnlineResponse": {"_feature_types": "the declared types of an answer's features: ours is made with the same"},
    "RetrievalJob": {
        "_to_arrow_internal": "abstract: the rows without on-demand features, which `to_arrow` adds",
        "_to_df_internal": "abstract: the same in pandas",
    },
}


# ---- Redis -------------------------------------------------------------------------------------------------------


def stored_view_name(view: FeatureView, config: RepoConfig) -> str:
    """What Redis knows a view by under this configuration."""
    name: str = compute_versioned_name(view, config.registry.enable_online_feature_view_versioning)
    return name


def feast_redis_settings(connection_string: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Feast's reading of a connection string: the servers (host, port), and redis-py's arguments for all of them."""
    from feast.infra.online_stores.redis import RedisOnlineStore

    servers, arguments = RedisOnlineStore._parse_connection_string(connection_string)
    return servers, arguments


def redis_client_of(online_store: Any, config: RepoConfig) -> Any:
    """The client that Feast's store for Redis uses itself, made by the first call."""
    return online_store._get_client(config.online_store)


def read_hash_fields(online_store: RedisOnlineStore, config: RepoConfig, commands: Any) -> Any:
    """The fields of hashes, given as (key, fields), by whatever client the configuration names: a list per hash."""
    return online_store._read_hash_fields(config, commands)


def declared_types(response: OnlineResponse) -> dict[str, Any]:
    """Feature -> its declared type, where Feast gave the answer one."""
    types: dict[str, Any] = response._feature_types
    return types


# ---- sources in Postgres, and settings ---------------------------------------------------------------------------


def is_postgres_source(source: Any) -> bool:
    """Whether a source, of whichever class, is a table or a query in Postgres."""
    return hasattr(source, "_postgres_options")


def postgres_table(source: Any) -> str:
    """The table of a source or of a saved dataset's storage, as it was declared; empty for one that is a query."""
    options = source.postgres_options if hasattr(source, "postgres_options") else source._postgres_options
    table: str = options._table
    return table


def with_offline_settings(config: RepoConfig, settings: Any) -> RepoConfig:
    """The same configuration with other settings of the offline store."""
    copy: Any = config.model_copy()
    copy._offline_store = settings
    return copy  # type: ignore[no-any-return]


# ---- registry ----------------------------------------------------------------------------------------------------


def forget_cached_registry(registry: SqlRegistry) -> None:
    """Have the registry read its tables anew when somebody next asks what it caches; where nobody does, never.

    Feast's own `refresh` reads all of them at once. A registry that a thread of its own refreshes is left to that.
    """
    if registry.cache_mode == "sync":
        registry.cached_registry_proto_created = None  # type: ignore[assignment]


# ---- stored functions and values ---------------------------------------------------------------------------------


def forget_stored_transformation(view: Any) -> None:
    """Let go of the stored message of a view's function, which Feast would otherwise write back as it was read."""
    view._raw_feature_transformation_proto = None


def value_conversion() -> Callable[[Any, Any], Any]:
    """The function that makes messages of Python values: (ValueType, values) -> a list of Value."""
    return type_map._python_value_to_proto_value


def replace_value_conversion(conversion: Callable[[Any, Any], Any]) -> None:
    """Have Feast make its messages by this function from now on."""
    type_map._python_value_to_proto_value = conversion  # type: ignore[assignment]
