"""What the store knows of the differences between two training frames.

Between equal instants nothing became known, so a difference there comes from a backfill, a rewind, another definition
or other code: the run that wrote what the store has now is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg

from feature_repo.explanation.differences.difference import (
    ChangedValue,
    Difference,
    DifferingRow,
    DifferingView,
    FrameSide,
)
from feature_repo.explanation.differences.instants import AskedKey, versions_between
from feature_repo.explanation.differences.training_frames import stored_view_of
from feature_repo.explanation.formulas import values_agree
from feature_repo.explanation.origins import runs_behind
from feature_repo.explanation.stored_values import ServedRow, offline_row


def with_causes(connection: psycopg.Connection, difference: Difference) -> Difference:
    """The same with the versions that became known between the instants of each listed row, the run that wrote what the
    store answers now, and which of both frames has that.
    """
    return replace(difference, views=tuple(_with_causes(connection, view) for view in difference.views))


def _with_causes(connection: psycopg.Connection, differing: DifferingView) -> DifferingView:
    view = stored_view_of(differing.view)
    if view is None:
        return differing
    keyed = [row for row in differing.listed if row.key is not None and row.before_at and row.after_at]
    answers = [offline_row(connection, view, str(row.key), max(_instants(row))) for row in keyed]
    runs = runs_behind(connection, {answer.run_id for answer in answers if answer.run_id})
    asked = [AskedKey(str(row.key), min(_instants(row)), max(_instants(row))) for row in keyed]
    explained = {
        id(row): replace(
            row,
            written_by=runs.get(answer.run_id) if answer.run_id else None,
            store_has=_side(row.values, answer) if row.before_at == row.after_at else None,
            versions=tuple(versions),
            versions_in_all=in_all,
        )
        for row, answer, (versions, in_all) in zip(
            keyed, answers, versions_between(connection, view, asked), strict=True
        )
    }
    return replace(differing, listed=tuple(explained.get(id(row), row) for row in differing.listed))


def _instants(row: DifferingRow) -> list[datetime]:
    return [at for at in (row.before_at, row.after_at) if at is not None]


def _side(values: Sequence[ChangedValue], answer: ServedRow) -> FrameSide:
    """Which of both frames has what the store answers now."""
    if all(_is_answered(changed.feature, changed.after, answer) for changed in values):
        return "after"
    return "before" if all(_is_answered(changed.feature, changed.before, answer) for changed in values) else "neither"


def _is_answered(column: str, value: Any, answer: ServedRow) -> bool:
    # A column may be called view__feature.
    stored = answer.values.get(column.rpartition("__")[2])
    return values_agree(stored, value, "Float64" if isinstance(value, float) else "")
