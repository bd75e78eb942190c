"""Each feature as a small plot: its values now and at the last accepted refresh, and how far they moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup

from ingestion.report.charts import ChartText, ChartTone, histogram, sparkline
from ingestion.report.contents import Distribution, ReportContents
from ingestion.wording import counted, cut, percent, quantity

DriftState = Literal["drifted", "steady", "not compared"]
_TONES: Final[dict[DriftState, ChartTone]] = {"drifted": "warning", "steady": "good", "not compared": "neutral"}


@dataclass(frozen=True)
class DriftCard:
    """One feature: its histogram, its PSI over the last judgements, and what was measured."""

    view: str
    feature: str
    state: DriftState
    tone: ChartTone
    psi: float | None
    psi_noise: float | None
    ks: float | None
    rows: int
    nulls: float | None
    plot: Markup
    trend: Markup


def drift_cards(contents: ReportContents, view: str) -> list[DriftCard]:
    """The features of a view, those that drifted first, then by PSI."""
    cards = [_drift_card(contents, each) for each in contents.distributions.get(view, ())]
    return sorted(cards, key=lambda card: (card.state != "drifted", -(card.psi or 0.0), card.feature))


def _drift_card(contents: ReportContents, values: Distribution) -> DriftCard:
    drift = contents.drift_of(values)
    state: DriftState = "not compared"
    if drift is not None and drift.psi is not None:
        state = "drifted" if drift.has_drifted else "steady"
    name = f"{values.view}-{values.feature}".replace("_", "-")
    rows = sum(values.rows) + values.nulls
    return DriftCard(
        view=values.view,
        feature=values.feature,
        state=state,
        tone=_TONES[state],
        psi=drift.psi if drift else None,
        psi_noise=drift.psi_noise if drift else None,
        ks=drift.ks if drift else None,
        rows=rows,
        nulls=values.nulls / rows if rows else None,
        plot=_plot(values, name, rows),
        trend=sparkline(
            f"psi-{name}",
            f"PSI of {values.feature} at the last judgements",
            contents.psi_values.get((values.view, values.feature), ()),
            tone="warning" if state == "drifted" else "accent",
        ),
    )


def _plot(values: Distribution, name: str, rows: int) -> Markup:
    before = sum(values.reference_rows) + values.reference_nulls
    compared = f", against {counted(before, 'value')} at the last accepted refresh (steps)" if before else ""
    described = f"{counted(rows, 'value')} now (bars){compared}. {_where_most_are(values)}"
    text = ChartText(f"values-{name}", f"Values of {values.feature}", described, "", "")
    if values.edges:
        ends = quantity(values.edges[0], 3), quantity(values.edges[-1], 3)
    elif values.labels:
        ends = cut(_label(values.labels[0]), 12), cut(_label(values.labels[-1]), 12) if len(values.labels) > 1 else ""
    else:
        ends = None
    return histogram(text, values.rows, values.reference_rows, ends)


def _where_most_are(values: Distribution) -> str:
    if not any(values.rows):
        return "All are null."
    fullest = max(range(len(values.rows)), key=lambda position: values.rows[position])
    share = percent(values.rows[fullest] / sum(values.rows))
    if values.edges is not None:
        low, high = values.edges[fullest], values.edges[fullest + 1]
        return f"Most, {share}, lie between {quantity(low, 3)} and {quantity(high, 3)}."
    return f"Most, {share}, are {cut(_label((values.labels or [None])[fullest]), 40)}."


def _label(label: str | None) -> str:
    return "all others" if label is None else label
