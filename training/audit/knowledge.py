"""Whether all that training rows rest on was known before them: versions of bets, sums of groups, codes of names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
import psycopg

from feature_repo.bets.vocabulary import COLUMNS_OF_CODES
from feature_repo.declarations.views import GROUPED_VIEWS, GroupedView
from feature_repo.explanation.formulas import values_agree
from feature_repo.explanation.group_bets import GroupBets
from feature_repo.group_keys import make_key
from feature_repo.postgres.queries import statement_of
from ingestion.wording import counted
from training.audit.result import FINDINGS_LISTED, AuditCheck, LeakFinding
from training.dataset import TrainingSet

# What two clocks may differ by, that of the source which stamps versions and that of the book which settles bets.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
# Rows whose groups are added up again from their bets, version by version: each takes a second of a large store.
EXPLAINED_ROWS: Final = 8


def knowledge_times(connection: psycopg.Connection, log_position: int) -> AuditCheck:
    """Whether every version of the log became known after its bet was placed and settled, and in the log's order."""
    params = {"log_position": log_position, "tolerance": _CLOCKS_DIFFER, "limit": FINDINGS_LISTED}
    rows = connection.execute(statement_of("training", "versions_out_of_time"), params).fetchall()
    wrong, versions = rows[0][-2:]
    findings = [
        LeakFinding(id_, "known_at", f"after {_text(bound)}", _text(at), why) for id_, why, bound, at, *_ in rows if id_
    ]
    sentence = (
        f"{counted(wrong, 'version')} of {versions:,} known before that can have been."
        if wrong
        else f"All {counted(versions, 'version')} of the log became known after the bet was placed and settled."
    )
    return AuditCheck("known_at", "leak" if wrong else "clean", versions, wrong, sentence, findings)


def rows_resting_on(connection: psycopg.Connection, training_set: TrainingSet, rows: pl.DataFrame) -> AuditCheck:
    """Whether features of groups are what the bets known by then add up to, and codes those of names known by then.

    `rows` are of the training set. Groups of EXPLAINED_ROWS of them are worked out again as `pikkit explain` does it.
    """
    explained = rows.sample(min(EXPLAINED_ROWS, rows.height), seed=1)
    findings = list(_codes_too_early(connection, training_set, rows))
    worked_out = 0
    for row in explained.iter_rows(named=True):
        for view in GROUPED_VIEWS:
            names = training_set.service.features.get(view.name, ())
            worked_out += len(names)
            findings += _otherwise(connection, view, names, row)
    sentence = (
        f"{counted(len(findings), 'value')} that what was known by then does not give."
        if findings
        else f"The bets known by then give all {counted(worked_out, 'feature')} of {counted(explained.height, 'row')}, "
        f"and the names known by then the codes of {rows.height:,}."
    )
    return AuditCheck(
        "as-of times",
        "leak" if findings else "clean",
        rows.height,
        len(findings),
        sentence,
        findings[:FINDINGS_LISTED],
    )


def _otherwise(
    connection: psycopg.Connection, view: GroupedView, names: tuple[str, ...], row: dict[str, Any]
) -> Iterator[LeakFinding]:
    """The features of a row that its group's bets, as known when it was placed, do not give; null may be too old."""
    if not names or all(row[name] is None for name in names):
        return
    key, measures = (
        make_key([row[name] for name in view.group.columns]),
        tuple(each.measure for each in view.declared if each.name in names),
    )
    bets = GroupBets(connection, view.group, key, row["time_placed"], measures)
    dtypes = {feature.name: feature.dtype for feature in view.declared}
    for name, calculation in bets.calculations(view, names).items():
        if not values_agree(row[name], calculation.value, dtypes[name]):
            yield LeakFinding(row["id"], name, str(calculation.value), str(row[name]), "not of the bets known by then")


def _codes_too_early(
    connection: psycopg.Connection, training_set: TrainingSet, rows: pl.DataFrame
) -> Iterator[LeakFinding]:
    """Codes that rows have of names which were known only later."""
    names = connection.execute(statement_of("training", "name_instants")).fetchall()
    schema: dict[str, Any] = {
        "column": pl.String,
        "name": pl.String,
        "code": pl.Int64,
        "since": pl.Datetime("us", "UTC"),
    }
    vocabulary = pl.DataFrame(names, schema=schema, orient="row")
    for feature, column in COLUMNS_OF_CODES.items():
        if feature not in training_set.features:
            continue
        since = vocabulary.filter(pl.col("column") == column).select(name="name", since="since")
        early = rows.join(since, left_on=column, right_on="name", how="inner").filter(
            (pl.col(feature) > 0) & (pl.col("since") > pl.col("time_placed"))
        )
        for row in early.iter_rows(named=True):
            why = f"the name was first known at {_text(row['since'])}"
            yield LeakFinding(row["id"], feature, "0", str(row[feature]), why)


def _text(instant: datetime | None) -> str:
    return "-" if instant is None else f"{instant:%Y-%m-%dT%H:%M:%S.%fZ}"
