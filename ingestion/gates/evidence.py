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
from feature_repo.declarations.groups import GROUPS
from feature_repo.declarations.views import BET_VIEWS, STORED_VIEWS, BetView, GroupedView
from feature_repo.group_keys import key_expression
from feature_repo.postgres.copy import copy_out
from ingestion.database.access import statement
from ingestion.intake.counts import SyncCounts
from ingestion.runs.record import Documented
from quality.anomalies import Baseline, detect
from quality.collected import collected
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
    baseline = Baseline.of(usual)
    neighbours = copy_out(connection, statement("audit_neighbours"), params, BATCH_SCHEMA)
    graded = copy_out(connection, statement("audit_graded"), {"until": None, "rows": NEWEST_ROWS}, GRADED)
    told = {"rows_read": sync.rows_read, "source_rows": sync.source_rows, "follows_log": True}
    return Evidence(
        now=now,
        batch=batch,
        intake=copy_out(connection, statement("audit_intake"), told, INTAKE),
        graded=graded,
        anomalies=detect(batch, baseline, neighbours, now),
        shifts=shifts(batch, baseline, graded),
    )


def evidence_with_features(
    connection: psycopg.Connection, evidence: Evidence, *, since: int, until: int, watermark_before: datetime | None
) -> Evidence:
    """The evidence, and beside it what needs the refreshed features: totals, completeness, drift.

    The features had the log position `since` and the watermark `watermark_before` (null: this is the first refresh),
    and have the log position `until` now.
    """
    newest = _newest_bets(connection, until)
    asked = _keys(newest)
    # Windows of the same length, and not the batch: what is bet on differs from hour to hour.
    asked_before = None if watermark_before is None else _keys(_newest_bets(connection, since))
    # Not every source knows closing lines.
    has_lines = newest["clv_percentage"].null_count() < newest.height
    completeness, moved, distributed = [], [], []
    for view in STORED_VIEWS:
        keys, keys_before = asked[view.join_key], asked_before[view.join_key]["key"] if asked_before else None
        values = _values(connection, view, keys["key"], keys_before, until=watermark_before)
        now = pl.col("is_now")
        current, reference = (values.filter(look).drop("is_now") for look in (now, ~now))
        if isinstance(view, GroupedView):
            known = [feature.name for feature in view.declared if has_lines or feature.scale is not FeatureScale.CLV]
            completeness.append(_completeness(view.name, known, current, keys))
        sides = current.drop("key"), reference.drop("key")
        if asked_before:
            moved.append(drift(view.name, *sides))
        distributed.append(distributions(view.name, *sides))
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


def _newest_bets(connection: psycopg.Connection, until: int) -> pl.DataFrame:
    """The newest bets up to a log position, by the columns that make up their keys, with their closing lines."""
    params = {"until": until, "rows": NEWEST_ROWS}
    return copy_out(connection, statement("audit_newest_bets"), params, _BETS_SCHEMA)


def _keys(bets: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The keys that these bets have, by join key of the views: key, and bets, how many have it."""
    keyed = nw.from_native(bets.lazy()).select(key_expression(group.columns).alias(group.join_key) for group in GROUPS)
    grouped = [
        keyed.to_native().group_by(pl.col(group.join_key).alias("key")).agg(bets=pl.len().cast(pl.Int64))
        for group in GROUPS
    ]
    of_bets = bets.select(key="id", bets=pl.lit(1, pl.Int64))
    by_group = zip((group.join_key for group in GROUPS), pl.collect_all(grouped, engine="in-memory"), strict=True)
    return {**dict(by_group), **{view.join_key: of_bets for view in BET_VIEWS}}


def _values(
    connection: psycopg.Connection,
    view: _View,
    keys: pl.Series,
    keys_before: pl.Series | None,
    *,
    until: datetime | None,
) -> pl.DataFrame:
    """The newest row of each of the keys, and of each of `keys_before` its newest up to the instant `until`.

    Keys without a row have none. Columns: key, is_now (false of a row of before), and the view's features.
    """
    query = sql.SQL(statement("audit_values")).format(
        changes=sql.Identifier("features", f"{view.name}_changes"),
        key=sql.Identifier(view.join_key),
        features=sql.SQL(", ").join(sql.Identifier("newest", name) for name in view.features),
    )
    params = {
        "keys": keys.to_list(),
        "keys_before": [] if keys_before is None else keys_before.to_list(),
        "until": until,
    }
    schema = {"key": pl.String(), "is_now": pl.Boolean(), **_types(view)}
    return copy_out(connection, query, params, schema)


def _types(view: _View) -> dict[str, pl.DataType]:
    others: dict[str, pl.DataType] = {"String": pl.String(), "Bool": pl.Boolean()}
    return {feature.name: others.get(feature.dtype, pl.Float64()) for feature in view.declared}


def _completeness(view: str, features: list[str], values: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """COMPLETENESS over the bets that have the keys: of those of a key without a row no feature is known."""
    is_known = (pl.col(features).is_not_null() * pl.col("bets")).sum()
    known = collected(values.lazy().join(keys.lazy(), on="key").select(is_known))
    return pl.DataFrame(
        {
            "view": view,
            "feature": features,
            "rows": keys["bets"].sum(),
            "known": known.row(0),
        },
        schema=COMPLETENESS,
    )
