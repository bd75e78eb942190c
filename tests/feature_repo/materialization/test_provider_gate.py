"""What Feast copies to the online store: rows that passed a gate and are as they were then; else nothing at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

from feature_repo.errors import GateRefused
from tests.rigs.published_store import FIRST, LONE, SECOND, WATERMARK, Published, insert

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RECENT = (WATERMARK - 2 * HOUR, WATERMARK)

# What is done behind the store's back, and what is said of which run.
FAULTS = {
    "never judged": (
        "delete from ops.seals where run_id = %(second)s; delete from ops.gates where run_id = %(second)s",
        SECOND,
        "no gate judged it",
    ),
    "refused": (
        "update ops.gates set state = 'refused' where run_id = %(second)s",
        SECOND,
        "its gate refused it",
    ),
    "not sealed": (
        "delete from ops.seals where run_id = %(second)s and view = 'sport_stats'",
        SECOND,
        "its gate passed no row of this view",
    ),
    "not begun on record": (
        "delete from ops.lineage_events where run_id = %(second)s and event_type = 'START'",
        SECOND,
        "its lineage is not on record",
    ),
    "its view not on record": (
        "delete from ops.lineage_events where run_id = %(second)s and job = 'features.sport_stats'",
        SECOND,
        "its lineage is not on record",
    ),
    "a value changed": (
        "update features.sport_stats_changes set sport_roi = sport_roi + 1e-9 where run_id = %(second)s",
        SECOND,
        "of its 1 rows, some are not as they passed its gate",
    ),
    "a value forgotten": (
        "update features.sport_stats_changes set sport_roi = null where run_id = %(second)s",
        SECOND,
        "of its 1 rows, some are not as they passed its gate",
    ),
    "a row of a key that is re-asserted deleted": (
        "delete from features.sport_stats_changes where run_id = %(first)s and sport = 'NBA'",
        FIRST,
        "1 rows instead of the 2 that passed its gate",
    ),
    "all that a run wrote deleted": (
        "delete from features.sport_stats_changes where run_id = %(second)s",
        SECOND,
        "0 rows instead of the 1 that passed its gate",
    ),
    "a row taken over from another run": (
        "update features.sport_stats_changes set run_id = %(first)s where run_id = %(second)s",
        FIRST,
        "3 rows instead of the 2 that passed its gate",
    ),
}


def break_(published: Published, fault: str) -> None:
    for command in FAULTS[fault][0].split("; "):
        published.database.execute(command, {"first": FIRST, "second": SECOND})


def test_rows_of_a_passed_gate_are_materialized(published: Published, gated: Any) -> None:
    gated.materialize(*RECENT)
    row = {"sport": "NBA"}
    assert gated.get_online_features(["sport_stats:sport_count"], [row]).to_dict()["sport_count"] == [1]


def test_rows_of_an_overridden_gate_are_materialized(published: Published, gated: Any) -> None:
    published.execute("update ops.gates set state = 'overridden', reason = 'known' where run_id = %s", SECOND)
    gated.materialize(*RECENT)
    assert published.held()


@pytest.mark.parametrize("fault", FAULTS)
def test_materialize_refuses_a_range_with_a_faulty_row(published: Published, gated: Any, fault: str) -> None:
    break_(published, fault)
    before = published.registry()
    with pytest.raises(GateRefused) as refused:
        gated.materialize(*RECENT)
    _, run, reason = FAULTS[fault]
    assert (run, reason) in [(unsound.run_id, unsound.reason) for unsound in refused.value.runs["sport_stats"]]
    assert (published.held(), published.registry()) == (set(), before)


@pytest.mark.parametrize("run_id", [SECOND, "00000000-0000-0000-0000-00000000000f"])
def test_materialize_refuses_a_row_added_by_hand(published: Published, gated: Any, run_id: Any) -> None:
    insert(published.database, "sport_stats", run_id, WATERMARK - HOUR, {"sport": "Chess"})
    with pytest.raises(GateRefused):
        gated.materialize(*RECENT)
    assert not published.held()


def test_materialize_judges_the_change_behind_a_carried_forward_row(published: Published, gated: Any) -> None:
    """NFL changed ten days ago, and is asserted again at the watermark."""
    break_(published, "a row of a key that is re-asserted deleted")
    with pytest.raises(GateRefused) as refused:
        gated.materialize(WATERMARK - timedelta(minutes=1), WATERMARK, ["sport_stats"])
    assert [run.run_id for run in refused.value.runs["sport_stats"]] == [FIRST]


def test_materialize_copies_a_range_before_the_faulty_row(published: Published, gated: Any) -> None:
    break_(published, "a value changed")
    gated.materialize(WATERMARK - 12 * DAY, WATERMARK - 5 * DAY, ["sport_stats"])
    assert published.held()


def test_materialize_judges_both_ends_of_the_range(published: Published, gated: Any) -> None:
    break_(published, "a value changed")
    for window in ((WATERMARK - 2 * HOUR, WATERMARK - HOUR), (WATERMARK - HOUR, WATERMARK - HOUR)):
        with pytest.raises(GateRefused):
            gated.materialize(*window, ["sport_stats"])


def test_materialize_refuses_every_range_of_a_view_with_a_deleted_run(published: Published, gated: Any) -> None:
    """Where its rows were cannot be known any more, and without them an older value would be served as the newest."""
    published.execute("delete from features.sport_stats_changes where run_id = %s", LONE)
    with pytest.raises(GateRefused) as refused:
        gated.materialize(*RECENT, ["sport_stats"])
    assert [run.run_id for run in refused.value.runs["sport_stats"]] == [LONE]


def test_materialize_with_a_refused_view_writes_no_view(published: Published, gated: Any) -> None:
    break_(published, "refused")
    with pytest.raises(GateRefused) as refused:
        gated.materialize(*RECENT, ["institution_stats", "sport_stats", "bet_facts"])
    assert set(refused.value.runs) == {"sport_stats", "bet_facts"}
    assert not published.held()


def test_sound_views_are_materialized_alone(published: Published, gated: Any) -> None:
    break_(published, "refused")
    gated.materialize(*RECENT, ["institution_stats"])
    assert [key for key in published.held() if "Pinnacle" in key]


def test_materialize_incremental_refuses_a_faulty_row(published: Published, gated: Any) -> None:
    break_(published, "a value changed")
    published.execute("update features.sport_stats_changes set event_timestamp = now() where run_id = %s", SECOND)
    with pytest.raises(GateRefused):
        gated.materialize_incremental(WATERMARK + timedelta(days=3650))
    assert not published.held()


def test_materialize_refuses_a_view_that_reads_another_table(published: Published, gated: Any) -> None:
    view = gated.get_feature_view("sport_stats")
    view.batch_source = PostgreSQLSource(
        name="sport_stats", query="table features.sport_stats_changes", timestamp_field="event_timestamp"
    )
    gated.apply(view)
    with pytest.raises(GateRefused, match=r"does not read features\.sport_stats"):
        gated.materialize(*RECENT)
    assert not published.held()


def test_materialize_refuses_when_there_are_no_gates(published: Published, gated: Any) -> None:
    published.execute("drop table ops.seals")
    with pytest.raises(GateRefused, match="cannot be told"):
        gated.materialize(*RECENT)
    assert not published.held()


def test_materialize_accepts_an_empty_range(published: Published, gated: Any) -> None:
    break_(published, "refused")
    gated.materialize(WATERMARK + DAY, WATERMARK + 2 * DAY)
    assert not published.held()


def test_gate_refusal_message_names_the_runs_the_state_and_the_next_step(published: Published, gated: Any) -> None:
    break_(published, "refused")
    with pytest.raises(GateRefused) as refused:
        gated.materialize(*RECENT)
    assert str(refused.value) == (
        "bet_facts, sport_stats: rows of one run did not pass a quality gate, have no lineage record, or are not as "
        "they were when they passed\n"
        f"  - bet_facts: run {SECOND}: its gate refused it\n"
        f"  - sport_stats: run {SECOND}: its gate refused it.\n"
        "Nothing was written: the online store and the registry are as they were. `pikkit gate` shows what was judged, "
        "`pikkit verify` what differs from the bets; `pikkit backfill` writes the rows anew, under a gate of its own."
    )


@pytest.mark.parametrize("command", ["materialize", "materialize-incremental"])
def test_refused_feast_materialize_exits_with_3(published: Published, command: str) -> None:
    break_(published, "a value changed")
    published.execute("update features.watermark set features_watermark = now()")
    before = published.registry()
    window = ["2020-01-01T00:00:00"] if command == "materialize" else []
    process = published.feast(command, *window, "2100-01-01T00:00:00")
    assert (process.returncode, published.held(), published.registry()) == (3, set(), before)
    assert "Error: sport_stats: rows of one run did not pass a quality gate" in process.stderr
    assert "Traceback" not in process.stderr


def as_declared(gated: Any, kind: str) -> Any:
    """sport_stats of another make, over the same table."""
    from feast import BatchFeatureView, FeatureView

    stats, entity = gated.get_feature_view("sport_stats"), gated.get_entity("sport")
    source = stats.batch_source
    if kind == "renamed":
        source.field_mapping = {"sport_edge": "sport_roi"}
        schema = [field for field in stats.schema if field.name != "sport_edge"]
        return FeatureView(name="sport_stats", entities=[entity], schema=schema, source=source)
    return BatchFeatureView(
        name="sport_stats", entities=[entity], schema=stats.schema, source=source, mode="python",
        udf=lambda rows: rows, udf_string="lambda rows: rows", online=True,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["renamed", "computed"])
def test_materialize_refuses_a_view_that_renames_or_computes_stored_values(
    published: Published, gated: Any, kind: str
) -> None:
    gated.apply([as_declared(gated, kind)])
    with pytest.raises(GateRefused, match="as it is"):
        gated.materialize(*RECENT, ["sport_stats"])
    assert not published.held()
