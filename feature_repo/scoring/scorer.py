"""The scorer: a service bound to its store, called with bets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from feast.infra.online_stores.redis import RedisOnlineStore

from feature_repo import clock
from feature_repo.bets.frame import Bets
from feature_repo.errors import NotScorable
from feature_repo.online_store.layout import microseconds
from feature_repo.online_store.redis_errors import redis_errors
from feature_repo.online_store.round_trip import HashRead, Reply, read_hashes
from feature_repo.postgres.background_refresh import Refreshed
from feature_repo.scoring.definitions import Definitions, read_definitions
from feature_repo.scoring.models import MODEL_NAMES, Model, check_model
from feature_repo.scoring.stored_features import StoredRow
from feature_repo.scoring.vectors import Vectors
from feature_repo.served_vectors.served_vector import ScoredVectors
from feature_repo.served_vectors.vector_log import vector_log
from feature_repo.store import open_store

if TYPE_CHECKING:
    from feast import FeatureStore


class Scorer:
    """Feature vectors of one service. Made once per process, for all its threads."""

    def __init__(self, store: FeatureStore, service: str, refresh_seconds: float, model: Model | None = None) -> None:
        self._store, self._config, self._process = store, store.config, os.getpid()
        self._online = _redis_of(store, service)
        self._definitions: Refreshed[Definitions] = Refreshed(
            lambda: read_definitions(self._own_store(), service), refresh_seconds, f"The definition of {service}"
        )
        self._model = model
        if model is not None:
            check_model(model, service, self.names)
        self._vector_log = vector_log(self._config)

    @property
    def service(self) -> str:
        """The name of the service."""
        return self._definitions.get().service

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the service."""
        return self._definitions.get().names

    @property
    def feature_views(self) -> Mapping[str, str]:
        """Feature -> the view it comes from."""
        return self._definitions.get().feature_views

    def __call__(self, bets: Bets | Mapping[str, Any], *, now: datetime | None = None) -> Vectors:
        """The vectors of bets: a dict, a list of dicts, or a pandas or Polars frame, read as `entity_rows` reads them.

        `time_placed` has to be there as everything else has; give the current instant for a bet that is being placed.
        `now`, aware, is when ages are taken and compared with TTLs (default: the clock).
        Raises ColumnsMissing and ValueError for bets that cannot be read, EntityKeysMissing for one without the id that
        the service needs, and Unreachable when Redis does not answer.
        """
        definitions, now = self._definitions.get(), now or clock.now()
        columns = definitions.entity_columns([bets] if isinstance(bets, Mapping) else bets)
        with redis_errors(self._config.online_store):
            rows, statuses = definitions.reader.read(self._fetch, columns, microseconds(now))
        vectors = Vectors(
            service=definitions.service,
            names=definitions.names,
            rows=_completed(definitions, rows, columns),
            feature_views=definitions.feature_views,
            now=now,
            _types=definitions.types,
            _views=definitions.views,
            _row_statuses=statuses,
            _columns=columns,
        )
        if self._vector_log is not None:
            self._vector_log.offer(ScoredVectors(vectors, columns))
        if self._model is None:
            return vectors
        return replace(vectors, chances=self._model.win_chances(vectors.columns, vectors.names_of(MODEL_NAMES)))

    def _own_store(self) -> FeatureStore:
        # After a fork the connections to the registry are those of the parent, which goes on using them. Those to Redis
        # look after themselves.
        if self._process != os.getpid():
            self._store, self._process = type(self._store)(config=self._config), os.getpid()
        return self._store

    def _fetch(self, reads: Sequence[HashRead]) -> Sequence[Reply]:
        return read_hashes(self._online, self._config, reads)


def scorer(
    service: str,
    *,
    store: FeatureStore | None = None,
    refresh_seconds: float | None = None,
    model: Model | None = None,
) -> Scorer:
    """A scorer of the named service, to be made once and called with bets::

        score = scorer("market_profitability_at_placement_v1")
        vectors = score([{"sport": "Soccer", "league": "Italy Serie A", ...}])
        vectors.to_pandas()

    `store` is opened like `open_store` does unless it is given. What the service consists of is read from Feast's
    registry now, and again every `refresh_seconds` beside the scoring (default: `registry.cache_ttl_seconds` of
    feature_store.yaml), so that a `feast apply` is taken up. With a `model` the vectors have `chances` too.
    Raises NotScorable for a service that is not there or cannot be scored, or is not the model's, and what
    `open_store` raises.
    """
    store = store or open_store()
    seconds = store.config.registry.cache_ttl_seconds if refresh_seconds is None else refresh_seconds
    # In Feast's setting 0 is never.
    seconds = seconds if seconds or refresh_seconds is not None else float("inf")
    return Scorer(store, service, seconds, model)


def _completed(definitions: Definitions, rows: list[StoredRow], columns: Mapping[str, list[Any]]) -> list[StoredRow]:
    """The rows with what is computed, in the order of the service."""
    if rows and definitions.computed:
        read = {name: [row[position] for row in rows] for name, position in definitions.inputs.items()}
        computed = [view.columns({**columns, **read}, len(rows)) for view in definitions.computed]
        added = zip(*(values for of_view in computed for values in of_view.values()), strict=True)
        rows = [row + more for row, more in zip(rows, added, strict=True)]
    return list(map(definitions.arrange, rows))


def _redis_of(store: FeatureStore, service: str) -> RedisOnlineStore:
    online = store.provider.online_store
    if not isinstance(online, RedisOnlineStore):
        raise NotScorable(
            f"{service} cannot be scored: the online store is a {type(online).__name__}, and scoring reads Redis",
            "Nothing was scored",
            "Ask for it through Feast: store.get_online_features(service, rows)",
        )
    return online
