"""The quality gate over a refresh: its verdicts kept, alerts opened and cleared, and the refusal in words.

What is refused has no features; everything else of its run stays, the judgement too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from textwrap import indent
from typing import Any, Final, Literal

import polars as pl
import psycopg
from psycopg.types.json import Jsonb

from feature_repo.errors import GateRefused
from feature_repo.postgres.copy import copy_in
from ingestion.database.access import statement
from ingestion.database.rollout import definitions_gap
from ingestion.features import feature_versions
from ingestion.features.watermark import features_log_position
from ingestion.gates.verdict_rows import with_rows_behind
from ingestion.runs.actor import current_actor
from ingestion.runs.alerts import REFUSAL, open_alert, resolve_alerts, resolve_outlived_refusals
from ingestion.runs.record import Documented, Run
from ingestion.wording import quantity
from quality.evidence import Evidence
from quality.gates import Gates, Judgement, Tally, Verdict, judge_refresh

PublicationState = Literal["passed", "refused", "overridden"]

# How the causes of alerts of checks begin; those of refusals: alerts.REFUSAL.
GATE: Final = "gate "
_FIRST: Final = (
    "Nothing was published yet. What is mended in this first load would be known from now on only: to keep its own "
    "times, load it into a new store (another PIKKIT_HOME or database). Other thresholds: PIKKIT_GATES"
)


_NOT_OVERRIDDEN: Final = "--override-gate was not needed: no check failed. The refresh passed, and no reason is kept."


@dataclass(frozen=True)
class GateOutcome(Documented):
    """A judgement over a refresh, and what came of it."""

    judgement: Judgement
    state: PublicationState
    #: Why a failed one was published nevertheless.
    reason: str | None
    #: Who did that (`ingestion/runs/actor.py`).
    overridden_by: dict[str, str | None] | None
    #: Whether there was anything new to judge.
    has_new_rows: bool

    @property
    def is_refused(self) -> bool:
        """Whether the features must stay as they were."""
        return self.state == "refused"

    @property
    def tally(self) -> Tally:
        """How many of the checks came out how."""
        return Tally.of(self.judgement.verdicts, has_new_rows=self.has_new_rows)

    def document(self) -> dict[str, Any]:
        """The state, how many checks came out how, and why some were not judged."""
        return {"state": self.state} | self.tally.counts


@dataclass(frozen=True)
class RefusedSummary(Documented):
    """What a run did that ended with a refusal."""

    #: What it did before; null where that is nothing.
    before: Documented | None
    gates: GateOutcome

    def document(self) -> dict[str, Any]:
        """What it did before, and `gates`."""
        return (self.before.document() if self.before else {}) | {"gates": self.gates.document()}


def set_features_savepoint(connection: psycopg.Connection) -> None:
    """Set the savepoint to which a refusal takes the features back."""
    connection.execute("savepoint features")


def gate_outcome(gates: Gates, evidence: Evidence, override: str | None) -> GateOutcome:
    """What the gates say of a refresh. `override` publishes what they refuse, and says why."""
    judgement = judge_refresh(gates, evidence)
    since, until = _judged_versions(evidence)
    if judgement.passed:
        return GateOutcome(judgement, "passed", None, None, since < until)
    if override:
        return GateOutcome(judgement, "overridden", override, current_actor(), since < until)
    return GateOutcome(judgement, "refused", None, None, since < until)


def undo_if_refused(connection: psycopg.Connection, outcome: GateOutcome) -> None:
    """Take the features back to `set_features_savepoint` when the refresh is refused; what was loaded stays."""
    if outcome.is_refused:
        connection.execute("rollback to savepoint features")


def raise_if_refused(connection: psycopg.Connection, run: Run, outcome: GateOutcome) -> None:
    """Raise GateRefused when the refresh was, after the judgement and the rows are committed."""
    if outcome.is_refused:
        run.summary = RefusedSummary(run.summary, outcome)
        redefined = feature_versions.redefined_features(connection)
        raise refusal(run, outcome, is_first=features_log_position(connection) == 0, redefined=redefined)


def record_judgement(connection: psycopg.Connection, run: Run, evidence: Evidence, outcome: GateOutcome) -> GateOutcome:
    """Keep the outcome and what it rests on, and open or clear the alerts that follow from it.

    Returns it with examples of the bets behind what failed or warned.
    """
    since, until = _judged_versions(evidence)
    connection.execute(
        statement("store_gate"),
        {
            "run_id": run.run_id,
            "state": outcome.state,
            "reason": outcome.reason,
            "overridden_by": Jsonb(outcome.overridden_by) if outcome.overridden_by else None,
            "now": run.now,
            "since_seq": since,
            "until_seq": until,
        },
    )
    if evidence.drift is not None:
        copy_in(connection, "ops.drift", _signed(run, evidence.drift))
    _keep_newest_look(connection, run, evidence)
    if evidence.anomalies is not None:
        _keep_anomalies(connection, run, evidence.anomalies)
    # Queries of verdicts read what was kept above.
    verdicts = tuple(
        with_rows_behind(connection, verdict) if verdict.state in ("failed", "warned") else verdict
        for verdict in outcome.judgement.verdicts
    )
    columns = [field.name for field in fields(Verdict)]
    values = [[getattr(verdict, name) for name in columns] for verdict in verdicts]
    schema = {name: pl.List(pl.String) if name == "examples" else None for name in columns}
    rows = pl.DataFrame(values, schema, orient="row")
    copy_in(connection, "ops.gate_results", _signed(run, rows.with_row_index("position")))
    outcome = replace(outcome, judgement=Judgement(verdicts))
    _alert(connection, run, outcome)
    return outcome


def refusal(run: Run, outcome: GateOutcome, *, is_first: bool, redefined: Sequence[str] = ()) -> GateRefused:
    """The error that ends a refused run: each failed check with its value, its threshold and the rows behind it.

    `is_first`: nothing was published yet. `redefined`: features that wait for a backfill, and may be null for want
    of it.
    """
    failed = outcome.judgement.failed
    told = "".join(f"\n  - {describe_verdict(verdict)}\n{indent(verdict.query, '      ')};" for verdict in failed)
    names = ", ".join(dict.fromkeys(verdict.gate for verdict in failed))
    return GateRefused(
        f"The quality gate refused this refresh: {len(failed)} of {len(outcome.judgement.verdicts)} checks failed "
        f"({names}):{told}\n",
        "Features, Redis and Feast's registry are as they were. The rows are kept in raw, processed and quarantine, "
        f"the verdicts in ops.gate_results (run {run.short_id})",
        _backfill_first(redefined)
        + "Look at the rows with these queries, or at all checks with `pikkit gate`. When the source is put right, the "
        "next run publishes everything: of a table it reads again from the oldest of these rows on, also what was "
        "mended under its old updated_at (and `pikkit sync --full` what got an older one). "
        '`--override-gate "reason"` publishes it as it is. '
        + (_FIRST if is_first else "Rows in quarantine that will not come again: `pikkit quarantine dismiss`"),
        run_id=run.run_id,
        failed=[asdict(verdict) for verdict in failed],
    )


def _backfill_first(redefined: Sequence[str]) -> str:
    if not redefined:
        return ""
    gap = definitions_gap(redefined)
    return f"{gap.what}, which may be all that failed. {gap.next_step}, then this again. "


def gate_warnings(outcome: GateOutcome, *, override: str | None) -> list[str]:
    """What a run that was published must still say of its checks, and of an override that nothing called for."""
    if override and outcome.state == "passed":
        return [_NOT_OVERRIDDEN, *(f"{describe_verdict(verdict)}." for verdict in outcome.judgement.warned)]
    failed = [f"Published over a failed check: {describe_verdict(verdict)}." for verdict in outcome.judgement.failed]
    return failed + [f"{describe_verdict(verdict)}." for verdict in outcome.judgement.warned]


def describe_verdict(verdict: Verdict) -> str:
    """A verdict in one line."""
    note = f" ({verdict.note})" if verdict.note else ""
    examples = f", for example {', '.join(verdict.examples)}" if verdict.examples else ""
    return f"{_without_rows(verdict)}{note}{examples}"


def _without_rows(verdict: Verdict) -> str:
    """The same without what it says of rows: names of books and sports, ids of bets."""
    value = "no value" if verdict.value is None else quantity(verdict.value, 6)
    return f"{verdict.gate} of the {verdict.scope}: {value}, must be {verdict.threshold}"


def _judged_versions(evidence: Evidence) -> tuple[int, int]:
    if evidence.intake is None:
        raise LookupError("no intake to say which versions were judged")
    since, until = evidence.intake.select("since_seq", "until_seq").row(0)
    return since, until


def _keep_newest_look(connection: psycopg.Connection, run: Run, evidence: Evidence) -> None:
    """Keep what the report draws of a judgement, in place of what it drew of the last one."""
    connection.execute(statement("drop_newest_look"))
    for table, frame in (("ops.distributions", evidence.distributions), ("ops.shifts", evidence.shifts)):
        if frame is not None:
            copy_in(connection, table, _signed(run, frame))


def _keep_anomalies(connection: psycopg.Connection, run: Run, anomalies: pl.DataFrame) -> None:
    if anomalies.is_empty():
        return
    connection.execute(statement("found_anomalies_table"))
    copy_in(connection, "found_anomalies", anomalies)
    connection.execute(statement("store_anomalies"), {"run_id": run.run_id})


def _alert(connection: psycopg.Connection, run: Run, outcome: GateOutcome) -> None:
    judgement = outcome.judgement
    if outcome.state == "refused":
        names = ", ".join(verdict.gate for verdict in judgement.failed)
        message = (
            f"The quality gate refused {run.verb} {run.short_id}: {names}. Nothing new is published until it passes."
        )
        open_alert(connection, REFUSAL + run.verb, "critical", message, notice=message, run_id=run.run_id, now=run.now)
    else:
        resolve_alerts(connection, REFUSAL + run.verb, now=run.now)
        resolve_outlived_refusals(connection, REFUSAL, run_id=run.run_id, now=run.now)
    ringing = {GATE + verdict.gate: verdict for verdict in judgement.alerts}
    # What could not be judged this time, as for want of rows, has not cleared.
    unknown = [GATE + verdict.gate for verdict in judgement.verdicts if verdict.state in ("failed", "not judged")]
    resolve_alerts(connection, GATE, now=run.now, but=[*ringing, *unknown])
    for cause, verdict in ringing.items():
        message, notice = describe_verdict(verdict), _without_rows(verdict)
        open_alert(connection, cause, "critical", message, notice=notice, run_id=run.run_id, now=run.now)


def _signed(run: Run, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(run_id=pl.lit(str(run.run_id)))
