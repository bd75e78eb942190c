"""`pikkit demo` as a newcomer runs it, twice, in a home of its own; and whom it leaves alone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from feature_repo.errors import ConfigurationError
from feature_repo.servers.connections import Connections
from feature_repo.servers.embedded_servers import recorded
from feature_repo.services import market_profitability_at_placement_v1, market_profitability_v1
from ingestion.cli.setup.demo import SMALLEST_DEMO
from ingestion.database.access import connect
from ingestion.demo import check_store, demo_source
from ingestion.embedded import servers
from tests.builders.bet_files import NOW
from tests.builders.json_documents import check_documents
from tests.conftest import OUR_VARIABLES
from tests.rigs.commands import digests, pikkit

STEPS = ["Servers", "Sample", "Feast", "Migrate", "Apply", "Run", "Train", "Score"]
# What a run that finds nothing new still writes: when it last looked.
LOOKED_AT = {
    "features.watermark", "ops.materializations", "ops.sync_state", "features.feature_metadata",
    "ops.gates", "ops.gate_results", "ops.drift",
    # an alert that is open names the run that found it last; at some hours the sample ends with a pause that opens one
    "ops.alerts",
    "ops.distributions", "ops.shifts",
}  # fmt: skip


@pytest.fixture(scope="module")
def demos() -> Iterator[Any]:
    """Both demos, what the store held after each, and the environment they ran in."""
    # Not under pytest's own directory: pytest closes that to PostgreSQL's user when the tests run as root.
    home = Path(tempfile.mkdtemp(prefix="pikkit-test-demo-"))
    plain = {name: value for name, value in os.environ.items() if not name.startswith(OUR_VARIABLES)}
    environ = plain | {"PIKKIT_HOME": str(home), "COLUMNS": "200"}
    try:
        first = pikkit("demo", "--bets", str(SMALLEST_DEMO), "--json", environ=environ, cwd=home)
        after_first = digests(recorded(home))
        second = pikkit("demo", environ=environ, cwd=home)
        after_second = digests(recorded(home))
        yield SimpleNamespace(
            first=first,
            told=json.loads(first.stdout),
            second=second,
            stores=(after_first, after_second),
            environ=environ,
            home=home,
        )
    finally:
        servers.stop_servers(home)
        shutil.rmtree(home)


def test_the_document_of_a_demo_has_the_fields_of_docs_json(demos: Any) -> None:
    check_documents("demo", demos.told)


def features(service: Any) -> list[str]:
    return [field.name for view in service.feature_view_projections for field in view.features]


# ---- the first -----------------------------------------------------------------------------------------------------


def test_demo_loads_every_row_of_the_sample(demos: Any) -> None:
    counts = demos.told["run"]["counts"]
    assert counts["accepted"] == counts["rows_read"] == demos.told["sample"]["rows"] > SMALLEST_DEMO
    assert counts["change_rows"] > 600


def test_the_training_frame_has_every_feature_of_the_service(demos: Any) -> None:
    rows = demos.told["training_frame"]["rows"]
    assert demos.told["training_frame"]["shape"][0] == len(rows) == 5
    assert [name for name in features(market_profitability_v1) if name not in rows[0]] == []
    assert [row["bet_id"] for row in rows if row["sport_count"] is None] == []


def test_demo_prints_an_online_vector_in_the_order_of_the_service(demos: Any) -> None:
    (bet,) = demos.told["online_vector"]["bets"]
    assert list(bet["features"]) == features(market_profitability_at_placement_v1)
    assert bet["features"]["sport_count"] > 0
    assert not any(view["is_stale"] for view in bet["views"].values())


def test_demo_document_has_the_seconds_of_every_step(demos: Any) -> None:
    assert list(demos.told["seconds"]) == STEPS
    steps = [step["step"] for step in demos.told["run"]["steps"]]
    assert steps == ["sync", "anomalies", "features", "gates", "lineage", "commit", "load feast", "materialize"]


def test_demo_prints_no_message_of_feast(demos: Any) -> None:
    said = demos.first.stderr + demos.second.stderr + demos.second.stdout
    assert [line for line in said.splitlines() if re.search(r"warning|experimental|deprecat|it/s\]", line, re.I)] == []


# ---- the second ----------------------------------------------------------------------------------------------------


def test_second_demo_changes_nothing_and_reports_no_change(demos: Any) -> None:
    before, after = ({table: d for table, d in store.items() if table not in LOOKED_AT} for store in demos.stores)
    assert after == before
    assert "Nothing changed" in demos.second.stdout


def test_demo_steps_are_numbered_and_timed(demos: Any) -> None:
    lines = demos.second.stdout.splitlines()
    assert [line.split(":")[0] for line in lines if re.match(r"\d  ", line)] == [
        f"{number}  {step}" for number, step in enumerate(STEPS, start=1)
    ]
    timed = lines[lines.index("Where the time went") :]
    assert [step for step in [*STEPS, "total"] if not any(line.startswith(step) for line in timed)] == []


def test_score_command_suggested_by_the_demo_succeeds(demos: Any) -> None:
    line = next(line for line in demos.second.stdout.splitlines() if line.startswith("  pikkit score"))
    done = pikkit(*shlex.split(line)[1:], "--json", environ=demos.environ, cwd=demos.home)
    (scored,) = json.loads(done.stdout)["bets"]
    (shown,) = demos.told["online_vector"]["bets"]
    placed = {"day_of_week", "hour_of_day"}  # now, where the demo's bet was placed a little earlier
    assert {k: v for k, v in scored["features"].items() if k not in placed} == {
        k: v for k, v in shown["features"].items() if k not in placed
    }


# ---- whom it leaves alone ------------------------------------------------------------------------------------------


def test_demo_refuses_external_servers_named_in_the_settings(environ: dict[str, str], tmp_path: Path) -> None:
    done = pikkit("demo", environ=environ, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "POSTGRES_*" in done.stderr


def _remember(connections: Connections, stream: str) -> None:
    with connect(connections.postgres, purpose="test") as database:
        database.execute("insert into ops.sync_state (stream, total_versions) values (%s, 5)", [stream])


def test_demo_refuses_a_store_with_bets_of_another_source(connections: Connections, tmp_path: Path) -> None:
    demo_source(tmp_path, 100, NOW)
    _remember(connections, "file:real.parquet")
    with connect(connections.postgres, purpose="test") as database, pytest.raises(ConfigurationError) as refused:
        check_store(database, tmp_path)
    assert "file:real.parquet" in refused.value.what


def test_demo_refuses_a_store_filled_from_a_lost_sample_file(connections: Connections, tmp_path: Path) -> None:
    """A new sample would hold other bets under the old ids."""
    source, _ = demo_source(tmp_path, 100, NOW)
    _remember(connections, source.name)
    with connect(connections.postgres, purpose="test") as database:
        check_store(database, tmp_path)
        source.path.unlink()
        with pytest.raises(ConfigurationError, match="without"):
            check_store(database, tmp_path)


def test_demo_source_makes_the_sample_once(tmp_path: Path) -> None:
    _, made = demo_source(tmp_path, 100, NOW)
    _, made_again = demo_source(tmp_path, 200, NOW)
    assert (made, made_again) == (True, False)
