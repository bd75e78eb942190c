"""How every gate is measured, one file for each kind of evidence."""

from itertools import chain

from quality.gates.gate import Scope
from quality.gates.measures import anomalies, bets, features, intake, outcomes, shifts
from quality.gates.measures.measure import Measure, Measured

__all__ = ["MEASURES", "Measure", "Measured"]

MEASURES: dict[tuple[str, Scope], Measure] = {
    (measure.gate, measure.scope): measure
    for measure in chain.from_iterable(
        kind.measures() for kind in (bets, intake, anomalies, outcomes, features, shifts)
    )
}
