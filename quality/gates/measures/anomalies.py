"""Measures of the anomalies: rows that parse and are not what earlier accepted bets let one expect."""

from collections.abc import Iterator

import polars as pl

from quality.evidence import ANOMALY_KINDS, SEVERITIES
from quality.gates.measures.measure import Measure, MeasuredValue, failing_share
from quality.gates.required_evidence import Provided, Unusable

FLAG_COLUMNS = ("seq", "kind", "severity")


def anomaly_measures() -> Iterator[Measure]:
    """All measures of this file."""
    for gate in ("max_critical_anomalies", "critical_anomalies_alert"):
        yield Measure(gate, "batch", {"anomalies": FLAG_COLUMNS, "batch": ("seq",)}, _critical)
    yield Measure(
        "max_high_anomalies_pct", "batch", {"anomalies": FLAG_COLUMNS, "batch": ("seq",)}, _high, is_share=True
    )


def _critical(evidence: Provided) -> MeasuredValue:
    flags = _flags(evidence).filter(pl.col("severity") == "critical")
    return MeasuredValue(flags["seq"].n_unique(), evidence["batch"].height, _by_kind(flags))


def _high(evidence: Provided) -> MeasuredValue:
    flags = _flags(evidence).filter(pl.col("severity").is_in(["high", "critical"]))
    return failing_share(flags["seq"].n_unique(), evidence["batch"].height, f"are flagged: {_by_kind(flags)}")


def _flags(evidence: Provided) -> pl.DataFrame:
    """The flags. Raises Unusable when one has a name nobody knows, or is on a row that is not in the batch."""
    flags = evidence["anomalies"]
    for column, names in (("kind", ANOMALY_KINDS), ("severity", SEVERITIES)):
        if unknown := sorted(set(flags[column]) - set(names)):
            raise Unusable(f"anomalies.{column} has unknown values: {', '.join(unknown)}")
    if strange := flags.join(evidence["batch"], on="seq", how="anti").height:
        raise Unusable(f"anomalies has {strange:,} flags on rows that are not in the batch")
    return flags


def _by_kind(flags: pl.DataFrame) -> str:
    counts = flags.group_by("kind").len("rows").sort("rows", "kind", descending=[True, False])
    return ", ".join(f"{kind} {rows:,}" for kind, rows in counts.rows()) or "none"
