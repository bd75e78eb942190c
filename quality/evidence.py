"""What a refresh is judged on: frames of fixed schemas, made by `ingestion` and read by the gates.

A frame that could not be made is None, which fails every gate that needs it. An empty one says that there is nothing
to judge.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from quality.schema import ACCEPTED_SCHEMA

INSTANT_TYPE = pl.Datetime("us", "UTC")

# What is deleted is not judged.
_JUDGED = {name: dtype for name, dtype in ACCEPTED_SCHEMA.items() if name != "is_deleted"}

#: The current, not deleted versions of bets that are new since the last published refresh; one row per bet.
BATCH_SCHEMA = pl.Schema({"seq": pl.Int64(), **_JUDGED, "known_at": INSTANT_TYPE})

#: One row: which raw versions are judged, (since_seq, until_seq], and what became of them.
INTAKE = pl.Schema(
    {
        "since_seq": pl.Int64(),
        "until_seq": pl.Int64(),
        "accepted": pl.Int64(),
        "quarantined": pl.Int64(),
        "rows_read": pl.Int64(),
        # how many rows the source said it has; null where it cannot say
        "source_rows": pl.Int64(),
        "newest_known_at": INSTANT_TYPE,
    }
)

#: Counts of the current bets of the whole dataset, one row per (sport, institution_name); nulls are groups too.
TOTALS = pl.Schema(
    {
        "sport": pl.String(),
        "institution_name": pl.String(),
        "bets": pl.Int64(),
        "settled": pl.Int64(),
        "without_market": pl.Int64(),
        "without_price": pl.Int64(),
    }
)

#: The newest 10,000 current bets of the dataset that were won or lost.
GRADED = pl.Schema(
    {
        "is_win": pl.Boolean(),
        "american_odds": pl.Int32(),
        "bet_type": pl.String(),
        "sport": pl.String(),
        "market": pl.String(),
        "institution_name": pl.String(),
    }
)

#: Flags on rows of the batch; one row per (seq, kind).
ANOMALIES = pl.Schema(
    {
        "seq": pl.Int64(),
        "id": pl.String(),
        "kind": pl.String(),
        "severity": pl.String(),
        "value": pl.Float64(),
        "expected_low": pl.Float64(),
        "expected_high": pl.Float64(),
        "description": pl.String(),
    }
)

ANOMALY_KINDS = (
    "odds_outlier",
    "clv_outlier",
    "amount_outlier",
    "roi_outlier",
    "duplicate",
    "temporal_anomaly",
    "missing_required",
)
SEVERITIES = ("low", "medium", "high", "critical")

#: What no single row shows, one row per test and segment. `score` counts robust standard deviations, never below 0.
SHIFTS = pl.Schema(
    {
        "test": pl.String(),
        "segment_column": pl.String(),
        "segment": pl.String(),
        "rows": pl.Int64(),
        "reference_rows": pl.Int64(),
        "value": pl.Float64(),
        "expected": pl.Float64(),
        "score": pl.Float64(),
        "description": pl.String(),
    }
)

#: How many of the rows that would be published have a value; one row per feature.
COMPLETENESS = pl.Schema({"view": pl.String(), "feature": pl.String(), "rows": pl.Int64(), "known": pl.Int64()})

#: How far each feature moved from the last accepted refresh; one row per feature. `ks` and `p_value` are null for text.
DRIFT = pl.Schema(
    {
        "view": pl.String(),
        "feature": pl.String(),
        "rows": pl.Int64(),
        "reference_rows": pl.Int64(),
        "psi": pl.Float64(),
        "psi_noise": pl.Float64(),
        "ks": pl.Float64(),
        "p_value": pl.Float64(),
        "has_drifted": pl.Boolean(),
    }
)

#: How the values of each feature are distributed, now and at the last accepted refresh; one row per feature. Numbers
#: have `edges`, one more than bins; text and flags have `labels`, null for all rarer values. No gate looks at it.
DISTRIBUTIONS = pl.Schema(
    {
        "view": pl.String(),
        "feature": pl.String(),
        "edges": pl.List(pl.Float64()),
        "labels": pl.List(pl.String()),
        "rows": pl.List(pl.Int64()),
        "reference_rows": pl.List(pl.Int64()),
        "nulls": pl.Int64(),
        "reference_nulls": pl.Int64(),
    }
)

#: Which schema each frame of an `Evidence` keeps to.
EVIDENCE_SCHEMAS = {
    "batch": BATCH_SCHEMA,
    "intake": INTAKE,
    "totals": TOTALS,
    "graded": GRADED,
    "anomalies": ANOMALIES,
    "shifts": SHIFTS,
    "completeness": COMPLETENESS,
    "drift": DRIFT,
    "distributions": DISTRIBUTIONS,
}


@dataclass(frozen=True)
class Evidence:
    """Everything one refresh is judged on. `now` is the clock of the run, aware; a frame that is missing is None."""

    now: datetime
    batch: pl.DataFrame | None = None
    intake: pl.DataFrame | None = None
    totals: pl.DataFrame | None = None
    graded: pl.DataFrame | None = None
    anomalies: pl.DataFrame | None = None
    shifts: pl.DataFrame | None = None
    completeness: pl.DataFrame | None = None
    drift: pl.DataFrame | None = None
    distributions: pl.DataFrame | None = None
