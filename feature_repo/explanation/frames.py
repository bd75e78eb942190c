"""`feature_repo.explain` and `feature_repo.diff`: explanations and differences as pandas frames.

Both read the store of the environment over `.env`, as `open_store` does, in one snapshot; nothing is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import psycopg

from feature_repo.clock import as_utc
from feature_repo.errors import ConfigurationError
from feature_repo.explanation.differences.difference import Difference
from feature_repo.explanation.result import Explanation
from feature_repo.explanation.sessions import explaining_session
from feature_repo.explanation.subject import PLACEMENT, ExplainRequest
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.postgres.sessions import start_session
from feature_repo.servers.environment import environment_over_dotenv, resolve

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class ExplainedFrames(NamedTuple):
    """An explanation.

    `features`  one row per feature: view, feature, key, the values offline and online with their statuses, what its
                bets give, the calculation, whether both agree, and which change row and run it has the value from
    `versions`  one row per view and version behind it, the newest first: seq, id, known_at, status, state, what took
                its place, and a column for each sum with what it adds
    `changes`   one row per view, change and version that made it: the change row's event_timestamp, run, gate, stream,
                cursor and payload
    """

    features: pd.DataFrame
    versions: pd.DataFrame
    changes: pd.DataFrame


class DiffFrames(NamedTuple):
    """A difference.

    `counts`    one row per view and feature that differs: in how many rows
    `values`    one row per view, key and feature that differs: before, after, their instants, the run that wrote what
                the store has now, and of frames with equal instants which of them has that
    `versions`  one row per view, key and version of a bet that became known in between, the newest of each key
    """

    counts: pd.DataFrame
    values: pd.DataFrame
    versions: pd.DataFrame


def explain_in_frames(
    name: str,
    *,
    bet: str | None = None,
    key: str | None = None,
    at: datetime | str | None = None,
    limit: int | None = 20,
    environ: Mapping[str, str] | None = None,
) -> ExplainedFrames:
    """Why a feature (`view:feature`, a view, a service) has its value, for a bet's id or a group's key.

    `at` is an instant, "placement" of the bet, or None for now. `limit` versions are listed of each view; None: all,
    those that count no more too. Raises ConfigurationError for a name, key, bet or instant that does not exist, and
    what `open_store` raises.
    """
    from feature_repo.explanation.explain import explain_features

    instant = at if at == PLACEMENT else as_utc(at)
    with _stores(environ) as (connection, client):
        return _explained(explain_features(connection, client, ExplainRequest(name, bet, key, instant, limit)))


def diff_in_frames(
    before: Any, after: Any, *, limit: int | None = None, environ: Mapping[str, str] | None = None
) -> DiffFrames:
    """What differs between two instants, two runs (whole ids) or two training frames (pandas, Polars, Parquet paths).

    At most `limit` rows of each view are in `values`; None: all. Raises ConfigurationError for what is none of these.
    """
    from feature_repo.explanation.differences import frame_causes, instants, training_frames

    first, second = _side(before), _side(after)
    with _stores(environ) as (connection, _):
        if isinstance(first, datetime) and isinstance(second, datetime):
            return _different(instants.difference_of_instants(connection, first, second, limit))
        if isinstance(first, UUID) and isinstance(second, UUID):
            return _different(instants.difference_of_runs(connection, first, second, limit))
        if isinstance(first, datetime | UUID) or isinstance(second, datetime | UUID):
            raise ConfigurationError(
                "Two things of different kinds", "Nothing was compared", "Give two instants, two runs or two frames"
            )
        difference = training_frames.difference_of_frames(first, second, limit)
        return _different(frame_causes.with_causes(connection, difference))


@contextmanager
def _stores(environ: Mapping[str, str] | None) -> Iterator[tuple[psycopg.Connection, Any]]:
    connections = resolve(dict(environ) if environ is not None else environment_over_dotenv())
    postgres = connections.postgres
    with (
        postgres_errors(f"Postgres at {postgres.address}"),
        start_session(name="pikkit explain", **postgres.conninfo) as connection,
        explaining_session(connection, connections) as client,
    ):
        yield connection, client


def _side(side: Any) -> datetime | UUID | pl.DataFrame:
    import polars as pl

    from feature_repo.explanation.differences.training_frames import read_frame

    if isinstance(side, datetime):
        return as_utc(side)
    if isinstance(side, UUID | pl.DataFrame):
        return side
    if isinstance(side, str | os.PathLike):
        text = str(side)
        for read in (UUID, datetime.fromisoformat):
            try:
                value = read(text)
            except ValueError:
                continue
            return as_utc(value) if isinstance(value, datetime) else value
        return read_frame(Path(text))
    frame: pl.DataFrame = pl.from_pandas(side)
    return frame


# ---- frames --------------------------------------------------------------------------------------------------------


def _explained(explanation: Explanation) -> ExplainedFrames:
    import pandas as pd

    features, versions, changes = [], [], []
    for view in explanation.views:
        features += [{"key": view.key, **asdict(feature)} for feature in view.features]
        for version in view.versions:
            row = asdict(version)
            adds = row.pop("adds")
            versions.append({"view": view.view, **row, **adds})
        for change in view.changes:
            run = asdict(change.run) if change.run else {}
            for arrived in change.versions:
                names = ("run_id", "verb", "source", "now", "gate", "reason")
                about = {"view": view.view, "features": change.features, "event_timestamp": change.event_timestamp}
                changes.append(about | {name: run.get(name) for name in names} | asdict(arrived))
    return ExplainedFrames(pd.DataFrame(features), pd.DataFrame(versions), pd.DataFrame(changes))


def _different(difference: Difference) -> DiffFrames:
    import pandas as pd

    counts, values, versions = [], [], []
    for view in difference.views:
        counts += [{"view": view.view, "feature": name, "rows": rows} for name, rows in view.features.items()]
        for row in view.listed:
            about = {"view": view.view, "key": row.key}
            run = row.written_by.run_id if row.written_by else None
            seen = {"before_at": row.before_at, "after_at": row.after_at, "run_id": run, "store_has": row.store_has}
            values += [about | asdict(changed) | seen for changed in row.values]
            versions += [about | asdict(version) for version in row.versions]
    return DiffFrames(
        pd.DataFrame(counts, columns=["view", "feature", "rows"]),
        pd.DataFrame(values, columns=["view", "key", "feature", "before", "after", *_SEEN]),
        pd.DataFrame(versions, columns=["view", "key", *_VERSION]),
    )


_SEEN = ("before_at", "after_at", "run_id", "store_has")
_VERSION = ("seq", "id", "known_at", "status", "is_deleted", "previous_seq")
