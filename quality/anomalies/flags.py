"""One reason to flag a row."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from quality.anomalies.baseline import Baseline
from quality.anomalies.thresholds import Thresholds
from quality.evidence import ANOMALIES, SEVERITIES

NO_SCORE = pl.lit(None, pl.Float64)


@dataclass(frozen=True)
class FlagRule:
    """Where `severity` is not null the row is flagged. `value` and the expected range are in the column's own unit."""

    kind: str
    severity: pl.Expr
    description: pl.Expr
    value: pl.Expr = field(default_factory=lambda: NO_SCORE)
    expected_low: pl.Expr = field(default_factory=lambda: NO_SCORE)
    expected_high: pl.Expr = field(default_factory=lambda: NO_SCORE)

    def flags(self, bets: pl.LazyFrame) -> pl.LazyFrame:
        """One row of ANOMALIES for each bet that the rule flags, in the order of `bets`.

        `bets` has seq, id and every column that the expressions of the rule read.
        """
        severity = self.severity.cast(pl.String).alias("severity")
        return (
            bets.with_columns(severity)
            .filter(pl.col("severity").is_not_null())
            .select(
                "seq",
                "id",
                pl.lit(self.kind).alias("kind"),
                "severity",
                self.value.cast(pl.Float64).alias("value"),
                self.expected_low.cast(pl.Float64).alias("expected_low"),
                self.expected_high.cast(pl.Float64).alias("expected_high"),
                self.description.alias("description"),
            )
            .cast(ANOMALIES)
        )


def where(condition: pl.Expr, severity: str | pl.Expr) -> pl.Expr:
    """The severity where the condition holds."""
    return pl.when(condition).then(pl.lit(severity) if isinstance(severity, str) else severity)


def unlike_its_book(broken: pl.Expr, relation: str, baseline: Baseline, thresholds: Thresholds, new: str) -> pl.Expr:
    """The severity of breaking a relation: high where the book keeps it, `new` where nothing is known of any book."""
    share = baseline.share_broken(relation)
    severity = (
        pl.when(share.is_null())
        .then(pl.lit(new))
        .when(share < thresholds.rare)
        .then(pl.lit("high"))
        .when(share <= thresholds.usual)
        .then(pl.lit("medium"))
    )
    return where(broken, severity)


def milder(severity: pl.Expr, cap: str, condition: pl.Expr) -> pl.Expr:
    """The severity, no worse than `cap` where the condition holds."""
    worse = SEVERITIES[SEVERITIES.index(cap) + 1 :]
    return pl.when(condition & severity.is_in(worse)).then(pl.lit(cap)).otherwise(severity)


def one_per_row_and_kind(flags: pl.DataFrame) -> pl.DataFrame:
    """ANOMALIES with one row per (seq, kind), ordered by seq and kind.

    The severity and the figures are those of the worst flag; `description` joins those of all its flags with `; `,
    the worst first.
    """
    rank = pl.col("severity").replace_strict({name: n for n, name in enumerate(SEVERITIES)}, return_dtype=pl.Int8)
    return (
        flags.sort("seq", "kind", rank, descending=[False, False, True], maintain_order=True)
        .group_by("seq", "kind", maintain_order=True)
        .agg(pl.exclude("description").first(), pl.col("description").str.join("; "))
        .select(ANOMALIES.names())
    )
