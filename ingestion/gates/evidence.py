"""What a refresh is judged on, read from the store inside the refresh's transaction (quality/evidence.py).

What the batch is judged against was published before: never the batch itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import narwhals as nw
import polars as pl
import psycopg
from psycopg import sql

from feature_repo.declarations.features import FeatureScale
from feature_repo.declarations.views import STORED_VIEWS, BetView, GroupedView
from feature_repo.group_keys import key_expression
from feature_repo.postgres.copy import copy_out
from ingestion.database.access import statement
from ingestion.intake.counts import SyncCounts
from ingestion.runs.record import Documented
from quality.anomalies import Baseline, detect
from quality.distributions import distributions
from quality.drift import drift
from quality.evidence import ANOMALIES, BATCH_SCHEMA, COMPLETENESS, DRIFT, GRADED, INTAKE, SHIFTS, TOTALS, Evidence
from quality.shifts import shifts

_View = GroupedView | BetView

# How many of the newest accepted bets say what is usual, and on how many of the newest the features are judged.
BASELINE_ROWS: Final = 50_000
NEWEST_ROWS: Final = 10_000

_BETS_SCHEMA: Final = {
    **dict.fromkeys(("id", "sport", "league", "market", "institution_name"), pl.String()),
    "clv_percentage": pl.Float64(),
}


@dataclass(frozen=True)
class FlagCounts(Documented):
    """How many flags the anomalies raised in a batch."""

    #: Rows of the batch.
    rows: int
    #: Flags in all; a row may have several.
    flags: int
    #: Flags by kind of anomaly and, below it, by severity.
    kinds: Mapping[str, Mapping[str, int]]


def evidence_of_batch(connection: psycopg.Connection, *, since: int, sync: SyncCounts, now: datetime) -> Evidence:
    """The evidence that needs no features: batch, intake, graded bets, anomalies, shifts.

    The batch is the versions past the log position `since`; call it before the refresh moves that. `sync` is what the
    sync before it counted.
    """
    params = {"since": since}
    batch = copy_out(connection, statement("audit_batch"), params, BATCH_SCHEMA)
    usual = copy_out(connection, statement("audit_baseline"), {"since": since, "rows": BASELINE_ROWS}, BATCH_SCHEMA)
    neighbours = copy_out(connection, statement("audit_neighbours"), params, BATCH_SCHEMA)
    graded = copy_out(connection, statement("audit_graded"), {"until": None, "rows": NEWEST_ROWS}, GRADED)
    told = {"rows_read": sync.rows_read, "source_rows": sync.source_rows, "follows_log": True}
    return Evidence(
        now=now,
        batch=batch,
        intake=copy_out(connection, statement("audit_intake"), told, INTAKE),
        graded=graded,
        anomalies=detect(batch, Baseline.of(usual), neighbours, now),
        shifts=shifts(batch, usual, graded),
    )


def evidence_with_features(
    connection: psycopg.Connection, evidence: Evidence, *, since: int, until: int, watermark_before: datetime | None
) -> Evidence:
    """The evidence, and beside it what needs the refreshed features: totals, completeness, drift.

    The features had the log position `since` and the watermark `watermark_before` (null: this is the first refresh),
    and have the log position `until` now.
    """
    newest, newest_then = (
        copy_out(connection, statement("audit_newest_bets"), {"until": end, "rows": NEWEST_ROWS}, _BETS_SCHEMA)
        for end in (until, since)
    )
    completeness, moved, distributed = [], [], []
    for view in STORED_VIEWS:
        asked = _keys(view, newest)
        current = _values(connection, view, asked["key"])
        if isinstance(view, GroupedView):
            # Not every source knows closing lines.
            lines = newest["clv_percentage"].is_not_null().any()
            known = [feature.name for feature in view.declared if lines or feature.scale is not FeatureScale.CLV]
            completeness.append(_completeness(view.name, known, current.join(asked, on="key")))
        reference = current.clear()
        if watermark_before is not None:
            # Windows of the same length, and not the batch: what is bet on differs from hour to hour.
            reference = _values(connection, view, _keys(view, newest_then)["key"], until=watermark_before)
            moved.append(drift(view.name, _features(view, current), _features(view, reference)))
        distributed.append(distributions(view.name, _features(view, current), _features(view, reference)))
    return replace(
        evidence,
        totals=copy_out(connection, statement("audit_totals"), None, TOTALS),
        completeness=pl.concat(completeness),
        drift=pl.concat(moved) if moved else DRIFT.to_frame(),
        distributions=pl.concat(distributed),
    )


def evidence_without_batch(connection: psycopg.Connection, *, until: int, now: datetime) -> Evidence:
    """The evidence on a backfill: an empty batch, and the features of the versions up to the log position `until`.

    Versions past `until`, which wait for the next refresh, are left out.
    """
    evidence = Evidence(
        now=now,
        batch=BATCH_SCHEMA.to_frame(),
        intake=copy_out(
            connection, statement("audit_intake"), {"rows_read": 0, "source_rows": None, "follows_log": False}, INTAKE
        ),
        graded=copy_out(connection, statement("audit_graded"), {"until": until, "rows": NEWEST_ROWS}, GRADED),
        anomalies=ANOMALIES.to_frame(),
        shifts=SHIFTS.to_frame(),
    )
    return evidence_with_features(connection, evidence, since=until, until=until, watermark_before=None)


def flag_counts(evidence: Evidence) -> FlagCounts:
    """How many rows the batch has, and how many flags of each kind and severity."""
    if evidence.batch is None or evidence.anomalies is None:
        raise LookupError("no batch was looked at")
    flags = evidence.anomalies.group_by("kind", "severity").len().sort("kind", "severity")
    by_kind: dict[str, dict[str, int]] = {}
    for kind, severity, number in flags.iter_rows():
        by_kind.setdefault(kind, {})[severity] = number
    return FlagCounts(evidence.batch.height, evidence.anomalies.height, by_kind)


def _keys(view: _View, bets: pl.DataFrame) -> pl.DataFrame:
    """The keys of the view that these bets (BATCH_SCHEMA or the newest bets) have: key, and bets, how many have it."""
    if isinstance(view, BetView):
        return bets.select(key="id", bets=pl.lit(1, pl.Int64))
    keyed = nw.from_native(bets).select(key=key_expression(view.group.columns)).to_native()
    return keyed.group_by("key").agg(bets=pl.len().cast(pl.Int64))


def _values(
    connection: psycopg.Connection, view: _View, keys: pl.Series, *, until: datetime | None = None
) -> pl.DataFrame:
    """One row for each of the keys: its newest row up to an instant (null: of all).

    Columns: key, is_there (false where the key has no row), and the view's features by their names.
    """
    query = sql.SQL(statement("audit_values")).format(
        changes=sql.Identifier("features", f"{view.name}_changes"),
        key=sql.Identifier(view.join_key),
        features=sql.SQL(", ").join(sql.Identifier("newest", name) for name in view.features),
    )
    schema = {"key": pl.String(), "is_there": pl.Boolean(), **_types(view)}
    return copy_out(connection, query, {"keys": keys.to_list(), "until": until}, schema)


def _types(view: _View) -> dict[str, pl.DataType]:
    others: dict[str, pl.DataType] = {"String": pl.String(), "Bool": pl.Boolean()}
    return {feature.name: others.get(feature.dtype, pl.Float64()) for feature in view.declared}


def _features(view: _View, values: pl.DataFrame) -> pl.DataFrame:
    return values.filter("is_there").select(view.features)


def _completeness(view: str, features: list[str], values: pl.DataFrame) -> pl.DataFrame:
    known = values.select((pl.col(name).is_not_null() * pl.col("bets")).sum().alias(name) for name in features)
    return pl.DataFrame(
        {
            "view": view,
            "feature": features,
            "rows": values["bets"].sum(),
            "known": known.row(0),
        },
        schema=COMPLETENESS,
    )
