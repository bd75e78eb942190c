"""Measures of what arrived: whether all of it did, how much of it could be used, how new it is."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial

from feature_repo.clock import CLOCK_TOLERANCE
from quality.gates.measures.measure import Measure, MeasuredValue, sound_share
from quality.gates.required_evidence import Provided, Unusable

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def intake_measures() -> Iterator[Measure]:
    """All measures of this file."""
    yield Measure("source_rows", "batch", {"intake": ("rows_read", "source_rows")}, _source_rows)
    pass_rate = {"intake": ("accepted", "quarantined")}
    yield Measure("schema_pass_rate", "batch", pass_rate, _schema_pass_rate, is_share=True)
    for gate, unit in (("max_data_age_days", DAY), ("data_age_warn_hours", HOUR), ("data_age_alert_hours", HOUR)):
        yield Measure(gate, "dataset", {"intake": ("newest_known_at",)}, partial(_age, unit=unit))


def _source_rows(evidence: Provided) -> MeasuredValue:
    read, there = evidence["intake"].select("rows_read", "source_rows").row(0)
    if there is None:
        return MeasuredValue(None, 0, "the source does not say how many rows it has")
    if read is None:
        raise Unusable("intake.rows_read is null though the source says how many rows it has")
    if not there:
        return MeasuredValue(None, 0, "the source has no rows")
    return MeasuredValue(Fraction(read, there), there, f"{read:,} of the source's {there:,} rows were read")


def _schema_pass_rate(evidence: Provided) -> MeasuredValue:
    accepted, quarantined = evidence["intake"].select("accepted", "quarantined").row(0)
    return sound_share(accepted, accepted + quarantined, "are quarantined")


def _age(evidence: Provided, unit: timedelta) -> MeasuredValue:
    newest: datetime = evidence["intake"]["newest_known_at"].item()
    if evidence.now.tzinfo is None:
        raise Unusable("now names no time zone")
    if (age := evidence.now - newest) < -CLOCK_TOLERANCE:
        raise Unusable(f"the newest bet is known at {newest:%Y-%m-%dT%H:%M:%SZ}, past the clock by {-age}")
    microsecond = timedelta(microseconds=1)
    return MeasuredValue(
        Fraction(age // microsecond, unit // microsecond), 1, f"the newest bet is known at {newest:%Y-%m-%dT%H:%M:%SZ}"
    )
