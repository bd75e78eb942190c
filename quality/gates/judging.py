"""Judging a refresh: every gate, in every scope it has, on the evidence."""

import math

import polars as pl

from quality.evidence import Evidence
from quality.gates.configuration import check_whole
from quality.gates.gate import Gate, Gates, Scope
from quality.gates.measures import GATE_MEASURES, MeasuredValue
from quality.gates.queries import query
from quality.gates.required_evidence import CheckedEvidence, Unusable
from quality.verdict import Judgement, Verdict, VerdictState

OUTSIDE: dict[str, VerdictState] = {"fail": "failed", "alert": "warned", "warn": "warned"}
# Stands in where the evidence does not say which versions are judged; the largest bigint.
EVERYTHING = (0, 2**63 - 1)


def judge_refresh(gates: Gates, evidence: Evidence) -> Judgement:
    """The verdict of every gate. Evidence that is missing or unusable fails the gates that need it.

    Raises GatesUnusable when a gate has no measure or a measure no gate.
    """
    check_whole(gates)
    bounds, checked = _judged_versions(evidence.intake), CheckedEvidence(evidence)
    return Judgement(tuple(_verdict(gate, scope, checked, bounds) for gate in gates for scope in gate.scopes))


def _verdict(gate: Gate, scope: Scope, evidence: CheckedEvidence, bounds: tuple[int, int]) -> Verdict:
    measure = GATE_MEASURES[gate.name, scope]
    try:
        measured = measure.of(evidence.provided(measure.needs, gate.min_rows))
        state, note = _state(gate, measured)
    except Unusable as problem:
        measured, state, note = MeasuredValue(None, 0), "failed", str(problem)
    return Verdict(
        gate=gate.name,
        scope=scope,
        severity=gate.severity,
        state=state,
        value=None if measured.value is None else float(measured.value),
        threshold=gate.limit,
        rows=measured.rows,
        note=note,
        query=query(gate.name, scope, *bounds),
    )


def _state(gate: Gate, measured: MeasuredValue) -> tuple[VerdictState, str | None]:
    if measured.value is None:
        return "not judged", measured.note
    if not math.isfinite(measured.value):
        raise Unusable(f"the measured value is {measured.value}")
    if measured.rows < gate.min_rows:
        return "not judged", f"fewer than {gate.min_rows:,} rows: {measured.rows:,}"
    if gate.allows(measured.value):
        return "passed", measured.note
    if measured.failing is not None and measured.failing < gate.min_failing_rows:
        return "passed", f"{measured.note}; judged from {gate.min_failing_rows:,} such rows"
    return OUTSIDE[gate.severity], measured.note


def _judged_versions(intake: pl.DataFrame | None) -> tuple[int, int]:
    """(since, until] as log positions, for the queries."""
    if isinstance(intake, pl.DataFrame) and intake.height == 1 and {"since_seq", "until_seq"} <= set(intake.columns):
        since, until = intake.select("since_seq", "until_seq").row(0)
        if isinstance(since, int) and isinstance(until, int):
            return since, until
    return EVERYTHING
