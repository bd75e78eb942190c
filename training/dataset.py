"""The training set: for every settled bet, the features of a service as they were known when it was placed, and how it
ended.

It is made from the store alone, as the store stood at a log position, and can be made again from these: later bets and
regraded ones do not change it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import psycopg

from feature_repo.declarations.availability import known_only_after_placement, placement_services
from feature_repo.declarations.feature_lists import FEATURE_LISTS, FeatureList
from feature_repo.errors import ConfigurationError
from feature_repo.group_keys import entity_frame
from feature_repo.near_names import did_you_mean
from feature_repo.postgres.queries import statement_of
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect

if TYPE_CHECKING:
    from feast import FeatureStore
    from feast.infra.offline_stores.offline_store import RetrievalJob

# What stands before the features: the bet, and how it ended.
_BET: Final[Mapping[str, Any]] = {
    "id": pl.String,
    "sport": pl.String,
    "league": pl.String,
    "market": pl.String,
    "institution_name": pl.String,
    "bet_type": pl.String,
    "american_odds": pl.Int64,
    "is_live": pl.Boolean,
    "time_placed": pl.Datetime("us", "UTC"),
    "status": pl.String,
    "is_win": pl.Boolean,
    "amount_cents": pl.Int64,
    "profit_cents": pl.Int64,
    "settled_at": pl.Datetime("us", "UTC"),
    "known_at": pl.Datetime("us", "UTC"),
}
TRAINING_COLUMNS: Final = tuple(_BET)


@dataclass(frozen=True)
class TrainingSet:
    """Bets with their features and results."""

    #: The service's list: which features, in which order.
    service: FeatureList
    #: What the store had read of its log.
    log_position: int
    #: TRAINING_COLUMNS but for those that are features, then the features by their names; in order of time_placed and
    #: id. `known_at` is when the result was.
    frame: pl.DataFrame

    @property
    def features(self) -> list[str]:
        """The names of the features, in the service's order."""
        return [name for names in self.service.features.values() for name in names]


def feature_list(service: str) -> FeatureList:
    """The list of the service of this name. Raises ConfigurationError, with the nearest name."""
    lists = {entry.service: entry for entry in FEATURE_LISTS}
    if service not in lists:
        raise ConfigurationError(
            f"There is no service {service}{did_you_mean(service, lists)}",
            "Nothing was read",
            f"Take one of {', '.join(sorted(lists))}",
        )
    return lists[service]


def placement_list(service: str) -> FeatureList:
    """The list of a service that a model can be trained on: all of its features are known when a bet is placed.

    Raises ConfigurationError for an unknown service, and for one with features of later moments, which it names.
    """
    names = feature_list(service)
    if later := known_only_after_placement(names):
        raise ConfigurationError(
            f"{service} has features that are known only after a bet was placed: {', '.join(later)}",
            "Nothing was trained or written: a model that saw them would look good and could never be used",
            f"Take one whose features are all known at placement: {', '.join(placement_services())}",
        )
    return names


def training_set(
    connections: Connections,
    service: str,
    *,
    log_position: int,
    placed_from: datetime | None = None,
    placed_to: datetime | None = None,
) -> TrainingSet:
    """The settled bets that were placed in [placed_from, placed_to), as the store believed at the log position.

    Raises ConfigurationError for a service that is none to train on, and when there is no such bet.
    """
    names = placement_list(service)
    with connect(connections.postgres, purpose="training") as connection:
        bets = settled_bets(connection, log_position, placed_from, placed_to)
    if bets.is_empty():
        raise ConfigurationError(
            "No settled bet was placed in that time",
            "Nothing was trained or written",
            "Load bets with `pikkit run` first",
        )
    features = _features(connections, names, bets)
    # What a feature of the same name says stands there once.
    return TrainingSet(names, log_position, bets.drop(features.columns, strict=False).hstack(features))


def settled_bets(
    connection: psycopg.Connection, log_position: int, placed_from: datetime | None, placed_to: datetime | None
) -> pl.DataFrame:
    """The bets of a training set, without features: TRAINING_COLUMNS in order of time_placed and id."""
    parameters = {"log_position": log_position, "placed_from": placed_from, "placed_to": placed_to}
    rows = connection.execute(statement_of("training", "settled_bets"), parameters).fetchall()
    return pl.DataFrame(rows, schema=dict(_BET), orient="row")


def _features(connections: Connections, names: FeatureList, bets: pl.DataFrame) -> pl.DataFrame:
    """The features of the bets when they were placed, in their order."""
    from feature_repo.store import store_at

    return placed_features(store_at(connections), names, bets)


def placed_features(
    store: FeatureStore,
    names: FeatureList,
    bets: pl.DataFrame,
    read: Callable[[RetrievalJob], RetrievalJob] | None = None,
) -> pl.DataFrame:
    """The features of a list for bets (TRAINING_COLUMNS) as of their placement: a column each, a row for each bet.

    `read` may have the retrieval read otherwise than it would.
    """
    placed = bets.select("id", "sport", "league", "market", "institution_name", "bet_type", "american_odds", "is_live",
                         "time_placed")  # fmt: skip
    columns = [name for features in names.features.values() for name in features]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        job = store.get_historical_features(
            entity_frame(placed), [f"{view}:{name}" for view, features in names.features.items() for name in features]
        )
        retrieved = (read(job) if read else job).to_df()
    frame = pl.from_pandas(retrieved[["bet_id", *columns]])
    if not frame["bet_id"].equals(bets["id"]):
        frame = bets.select(bet_id="id").join(frame, on="bet_id", how="left", maintain_order="left")
    return frame.select(columns)
