"""How every gate is measured, one file for each kind of evidence."""

from itertools import chain

from quality.gates.gate import Scope
from quality.gates.measures.anomalies import anomaly_measures
from quality.gates.measures.bets import bet_measures
from quality.gates.measures.features import feature_measures
from quality.gates.measures.intake import intake_measures
from quality.gates.measures.measure import Measure, MeasuredValue
from quality.gates.measures.outcomes import outcome_measures
from quality.gates.measures.shifts import shift_measures

__all__ = ["GATE_MEASURES", "Measure", "MeasuredValue"]

GATE_MEASURES: dict[tuple[str, Scope], Measure] = {
    (measure.gate, measure.scope): measure
    for measure in chain(
        bet_measures(), intake_measures(), anomaly_measures(), outcome_measures(), feature_measures(), shift_measures()
    )
}
