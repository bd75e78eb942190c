"""Feast's Redis store, with one lookup per entity, ages told and enforced, and trouble in clear words.

Same configuration, same layout in Redis, same answers as `type: redis` wherever that answers right. What differs:

status     NOT_FOUND, NULL_VALUE, OUTSIDE_MAX_AGE and PRESENT are told apart, and a value past its view's TTL is null
deletion   touches this project's keys only
failures   one error (Unreachable), within seconds; a request with half a key is refused

docs/online-store.md has the reasons.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Literal

import redis
import redis.asyncio
from feast import FeatureService, FeatureView, RepoConfig
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from hiredis import pack_command

from feature_repo import clock
from feature_repo.clock import as_utc
from feature_repo.feast_internals import (
    DUMMY_ENTITY_ID,
    DUMMY_ENTITY_VAL,
    EntityKey,
    OnlineResponse,
    Value,
    declared_types,
    feast_redis_key,
    stored_view_name,
    track_feature_statuses,
)
from feature_repo.offline_store.json_values import accept_json
from feature_repo.online_store import delete, read
from feature_repo.online_store.client import redis_client
from feature_repo.online_store.entity_keys import keys_of_protos, redis_keys
from feature_repo.online_store.layout import feature_field, microseconds
from feature_repo.online_store.read_plan import Plans, ReadPlan, make_plan
from feature_repo.online_store.redis_errors import redis_errors
from feature_repo.online_store.response import FreshOnlineResponse
from feature_repo.online_store.round_trip import LONGEST_TRANSACTION, Reply, is_direct, read_at_once
from feature_repo.online_store.write import Stored, expiry, write_online_rows
from feature_repo.registry.forks import keep_connections_in_their_process
from feature_repo.registry.own_functions import ignore_stored_functions
from feature_repo.served_vectors.served_vector import RespondedVectors
from feature_repo.served_vectors.vector_log import VectorLog, vector_log

# Feast loads this module before it reads its registry, and `feast serve` forks after that.
keep_connections_in_their_process()
ignore_stored_functions()
accept_json()

_NO_ENTITY: Final = EntityKey(join_keys=[DUMMY_ENTITY_ID], entity_values=[Value(string_val=DUMMY_ENTITY_VAL)])

OnlineRow = tuple[datetime | None, dict[str, Any] | None]


class FreshOnlineStoreConfig(RedisOnlineStoreConfig):
    """The settings of `type: redis`."""

    type: Literal["feature_repo.online_store.store.FreshOnlineStore"] = (
        "feature_repo.online_store.store.FreshOnlineStore"  # type: ignore[assignment]
    )


class FreshOnlineStore(RedisOnlineStore):
    """Feast's Redis store, as above. One is made per FeatureStore; threads may share it."""

    def __init__(self) -> None:
        self._plans = Plans()
        # Of one, or of None where no vector is logged, once a request has come.
        self._vector_log: list[VectorLog | None] = []
        # A connection belongs to the event loop that opened it.
        self._clients_async: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()

    # ---- connections -------------------------------------------------------------------------------------------------

    def _get_client(self, online_store_config: Any) -> Any:
        if not self._client:
            self._client = redis_client(online_store_config)
        return self._client

    async def _get_client_async(self, online_store_config: Any) -> Any:
        loop = asyncio.get_running_loop()
        client = self._clients_async.get(loop)
        if client is None:
            client = self._clients_async[loop] = redis_client(online_store_config, redis.asyncio)
        return client

    async def close(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients_async.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    # ---- get_online_features -----------------------------------------------------------------------------------------

    def get_online_features(self, config: RepoConfig, features: Any, *args: Any, **kwargs: Any) -> FreshOnlineResponse:
        """Feast's own, read out faster. A share of the vectors is kept, where that is set (served_vectors/)."""
        response = super().get_online_features(config, _never_precomputed(features), *args, **kwargs)
        return self._answered(config, _read_out_fast(response), features, *args, **kwargs)

    async def get_online_features_async(
        self, config: RepoConfig, features: Any, *args: Any, **kwargs: Any
    ) -> FreshOnlineResponse:
        """The same, without blocking."""
        response = await super().get_online_features_async(config, _never_precomputed(features), *args, **kwargs)
        return self._answered(config, _read_out_fast(response), features, *args, **kwargs)

    def _answered(
        self,
        config: RepoConfig,
        response: FreshOnlineResponse,
        features: Any,
        entity_rows: Any,
        *_args: Any,
        **_kwargs: Any,
    ) -> FreshOnlineResponse:
        """The response, once its vectors were offered to the log: an audit compares only those of a service."""
        if not self._vector_log:
            self._vector_log.append(vector_log(config))
        if self._vector_log[0] is not None and isinstance(features, FeatureService):
            self._vector_log[0].offer(RespondedVectors(response, features, entity_rows, clock.now()))
        return response

    def _read_features_per_fv(
        self,
        config: RepoConfig,
        grouped_refs: Any,
        join_key_values: Any,
        entity_name_to_join_key_map: Any,
        online_features_response: Any,
        full_feature_names: bool,
        include_feature_view_version_metadata: bool,
    ) -> None:
        plan = self._plan(config, grouped_refs, entity_name_to_join_key_map, full_feature_names)
        keys = _keys(config, plan, join_key_values)
        at, commands = read.commands(plan, keys, config.project)
        with redis_errors(config.online_store):
            replies = self._read_hash_fields(config, commands) if commands else []
            _fill(plan, keys, at, replies, online_features_response)
        if include_feature_view_version_metadata:
            _name_versions(plan, online_features_response)

    async def _read_features_per_fv_async(
        self,
        config: RepoConfig,
        grouped_refs: Any,
        join_key_values: Any,
        entity_name_to_join_key_map: Any,
        online_features_response: Any,
        full_feature_names: bool,
        include_feature_view_version_metadata: bool,
    ) -> None:
        plan = self._plan(config, grouped_refs, entity_name_to_join_key_map, full_feature_names)
        keys = _keys(config, plan, join_key_values)
        at, commands = read.commands(plan, keys, config.project)
        with redis_errors(config.online_store):
            replies = await self._read_hash_fields_async(config, commands) if commands else []
            _fill(plan, keys, at, replies, online_features_response)
        if include_feature_view_version_metadata:
            _name_versions(plan, online_features_response)

    def _plan(self, config: RepoConfig, grouped_refs: Any, names: Any, full: bool) -> ReadPlan:
        return self._plans.of(grouped_refs, names, full, config.registry.enable_online_feature_view_versioning)

    def _read_hash_fields(self, config: RepoConfig, commands: Any) -> Any:
        client: Any = self._get_client(config.online_store) if config.online_store.client == "redis" else None
        if is_direct(client):
            return read_at_once(client, [pack_command(("HMGET", key, *fields)) for key, fields in commands])
        return super()._read_hash_fields(config, commands)

    async def _read_hash_fields_async(self, config: RepoConfig, commands: Sequence[read.FetchedFields]) -> Any:
        client = await self._get_client_async(config.online_store)
        at_once = type(client) is redis.asyncio.Redis and len(commands) <= LONGEST_TRANSACTION
        async with client.pipeline(transaction=at_once) as pipe:
            for key, fields in commands:
                pipe.hmget(key, fields)
            return await pipe.execute()

    # ---- online_read -------------------------------------------------------------------------------------------------

    def online_read(
        self, config: RepoConfig, table: FeatureView, entity_keys: Any, requested_features: list[str] | None = None
    ) -> list[OnlineRow]:
        """The rows of one view, in the order of the keys: (None, None) where nothing is stored of a key, and null
        values where what is stored is older than the view's TTL. Raises Unreachable, EntityKeysMissing.
        """
        view_read = _ViewRead(config, table, entity_keys, requested_features)
        with redis_errors(config.online_store):
            return view_read.rows(self._read_hash_fields(config, view_read.commands) if view_read.commands else [])

    async def online_read_async(
        self, config: RepoConfig, table: FeatureView, entity_keys: Any, requested_features: list[str] | None = None
    ) -> list[OnlineRow]:
        """The same, without blocking."""
        view_read = _ViewRead(config, table, entity_keys, requested_features)
        with redis_errors(config.online_store):
            return view_read.rows(
                await self._read_hash_fields_async(config, view_read.commands) if view_read.commands else []
            )

    # ---- writing -----------------------------------------------------------------------------------------------------

    def online_write_batch(
        self, config: RepoConfig, table: Any, data: Any, progress: Callable[[int], Any] | None
    ) -> None:
        """Write rows, the newest of a key last: an older one than what stands there is left out, unless `skip_dedup`.

        The same instant again is written again, where stock skips it: a correction may keep its instant.
        """
        settings, view = config.online_store, stored_view_name(table, config)
        expire = expiry(table, settings.key_ttl_seconds)
        with redis_errors(settings, f"Some rows of {table.name} may be written; the same ones can be written again"):
            client = self._get_client(settings)
            for features, rows in groupby(data, lambda row: tuple(row[1])):
                stored = (self._stored(config, *row) for row in rows)
                write_online_rows(client, view, features, stored, overwrite=settings.skip_dedup, expire=expire)
        if progress is not None:
            progress(len(data))

    async def online_write_batch_async(
        self, config: RepoConfig, table: Any, data: Any, progress: Callable[[int], Any] | None
    ) -> None:
        """The same, in a thread."""
        await asyncio.to_thread(self.online_write_batch, config, table, data, progress)

    @staticmethod
    def _stored(config: RepoConfig, key: Any, values: Any, at: datetime, _: datetime | None) -> Stored:
        # Of a view without entities Feast hides the key when rows are given by hand, but not when they are read.
        key = key if key.join_keys else _NO_ENTITY
        redis_key = feast_redis_key(config.project, key, config.entity_key_serialization_version)
        return Stored(redis_key, microseconds(as_utc(at)), [value.SerializeToString() for value in values.values()])

    # ---- deleting ----------------------------------------------------------------------------------------------------

    def delete_table(self, config: RepoConfig, table: FeatureView) -> None:
        """Remove what this project holds of a view, its watermark first."""
        stored = stored_view_name(table, config)
        fields = [feature_field(stored, field.name) for field in table.features]
        with redis_errors(config.online_store, f"{table.name} may be deleted in part"):
            client = self._get_client(config.online_store)
            delete.delete_view(client, _join_keys(table), config.project, stored, fields)

    def delete_entity_values(self, config: RepoConfig, join_keys: list[str]) -> None:
        """Remove what this project holds of all entities with these join keys."""
        with redis_errors(config.online_store, f"Entities by {', '.join(join_keys)} may be deleted in part"):
            delete.delete_entities(self._get_client(config.online_store), join_keys, config.project)

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Any,
        tables_to_keep: Any,
        entities_to_delete: Any,
        entities_to_keep: Any,
        partial: bool,
    ) -> None:
        """Remove views that are gone; with `full_scan_for_deletion: false` only their watermarks."""
        names = [stored_view_name(table, config) for table in tables_to_delete]
        if names:
            with redis_errors(config.online_store, "The views may be deleted in part"):
                delete.forget_watermarks(self._get_client(config.online_store), config.project, names)
        super().update(config, tables_to_delete, tables_to_keep, entities_to_delete, entities_to_keep, partial)

    def teardown(self, config: RepoConfig, tables: Any, entities: Any) -> None:  # noqa: ARG002 (Feast's signature)
        """Remove all that this project holds of these views, and every note about its copy."""
        with redis_errors(config.online_store, "The online store may be emptied in part"):
            delete.forget_copy(self._get_client(config.online_store), config.project)
        for join_keys in dict.fromkeys(tuple(sorted(_join_keys(table))) for table in tables):
            self.delete_entity_values(config, list(join_keys))
        if self._glide_client:
            self._glide_client.close()
            self._glide_client = None


class _ViewRead:
    """A read of one view by Feast's own entity keys."""

    def __init__(self, config: RepoConfig, table: Any, entity_keys: Any, features: Sequence[str] | None) -> None:
        self.features = list(features or [field.name for field in table.features])
        # The keys are given whole; what they are called matters to nobody here.
        names = {entity: entity for entity in table.entities}
        versioned = config.registry.enable_online_feature_view_versioning
        self.plan = make_plan([(table, self.features)], names, full=False, versioned=versioned)
        self.keys = keys_of_protos(entity_keys, config.project.encode(), config.entity_key_serialization_version)
        (self.at,), self.commands = read.commands(self.plan, [self.keys], config.project)

    def rows(self, replies: Sequence[Reply]) -> list[OnlineRow]:
        """The rows, from what Redis answered."""
        (view,), now = self.plan.views, microseconds(clock.now())
        watermark = read.watermarks_in(replies[0])[view.watermark] if view.watermark is not None and replies else None
        return [read.row_of(view, self.features, replies[self.at[key]], watermark, now) for key in self.keys]


def _join_keys(table: Any) -> list[str]:
    # Feast hides what a view without entities is stored under when it lists its views.
    return list(table.join_keys) or [DUMMY_ENTITY_ID]


def _read_out_fast(response: OnlineResponse) -> FreshOnlineResponse:
    return FreshOnlineResponse(response.proto, declared_types(response))


def _never_precomputed(features: Any) -> Any:
    """A service as one that is read from its rows: vectors made beforehand know no watermarks and no TTL."""
    if getattr(features, "precompute_online", False):
        features = copy(features)
        features.precompute_online = False
    return features


def _keys(config: RepoConfig, plan: ReadPlan, request: Any) -> list[list[bytes]]:
    project, version = config.project.encode(), config.entity_key_serialization_version
    return [redis_keys(entity, request, project, version) for entity in plan.entities]


def _fill(plan: ReadPlan, keys: Any, at: Any, replies: Any, response: Any) -> None:
    written, present = read.response_bytes(plan, keys, at, replies, microseconds(clock.now()))
    response.MergeFromString(written)
    for view, count in zip(plan.views, present, strict=True):
        # Feast counts whatever is not present as not found.
        track_feature_statuses(view.name, count, len(view.slots) * len(keys[view.entity]) - count)


def _name_versions(plan: ReadPlan, response: Any) -> None:
    named = {metadata.name for metadata in response.metadata.feature_view_metadata}
    for view in plan.views:
        if view.label not in named:
            named.add(view.label)
            response.metadata.feature_view_metadata.add(name=view.label, version=view.version)
