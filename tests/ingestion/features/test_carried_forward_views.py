"""The views that Feast reads: a change row is repeated at TTL steps, until the next change or the watermark (R6)."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from feature_repo.declarations.views import GROUPED_VIEWS, GroupedView
from tests.builders.bet_files import T0


@pytest.fixture(params=GROUPED_VIEWS, ids=lambda view: view.name)
def view(request) -> GroupedView:
    return request.param


@pytest.fixture
def asserted(database, view):
    """The instants (in TTLs after T0) at which a key stands in the view, from when it changed and the watermark."""

    def asserted(*changes, watermark):
        for change in changes:
            database.execute(
                f"insert into features.{view.name}_changes"
                f" ({view.join_key}, event_timestamp, created_timestamp, run_id)"
                " values ('k', %(at)s, %(at)s, %(run)s)",
                {"at": T0 + change * view.ttl, "run": uuid.uuid4()},
            )
        database.execute(
            "insert into features.watermark values (true, 1, %s, %s)", [T0 + watermark * view.ttl, uuid.uuid4()]
        )
        rows = database.execute(f"select event_timestamp, created_timestamp from features.{view.name} order by 1")
        return [(at - T0) / view.ttl for at, created in rows if at == created]

    return asserted


def test_change_is_carried_forward_to_every_ttl_step_and_to_the_watermark(asserted):
    assert asserted(0, watermark=2.5) == [0, 1, 2, 2.5]


def test_carried_forward_rows_of_a_change_end_at_the_next_change(asserted):
    assert asserted(0, 1.5, watermark=1.75) == [0, 1, 1.5, 1.75]


def test_carried_forward_step_at_the_watermark_gives_a_single_row(asserted):
    assert asserted(0, watermark=2) == [0, 1, 2]


def test_change_replaces_the_carried_forward_row_of_the_same_instant(asserted):
    assert asserted(0, 1, watermark=1) == [0, 1]


def test_change_at_the_watermark_gives_a_single_row(asserted):
    assert asserted(3, watermark=3) == [3]


def test_a_change_past_the_watermark_is_not_carried_forward(database, asserted, view):
    assert asserted(3 + timedelta(microseconds=1) / view.ttl, watermark=3) == [3 + timedelta(microseconds=1) / view.ttl]
