"""Metrics: measured after a real run, kept, written, served and pushed; the documents beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from feature_repo.servers.connections import Connections
from ingestion.monitoring.catalogue import METRIC_BY_NAME, METRICS
from ingestion.monitoring.exposition import exposition
from ingestion.monitoring.measurements import Sample
from tests.builders.bet_files import NOW, bet, jsonl
from tests.builders.hostile_text import TEXTS
from tests.conftest import REPOSITORY
from tests.rigs.commands import pikkit_here
from tests.rigs.receiver import Receiver
from tests.rigs.trouble import closed_port

DOCUMENTS = REPOSITORY / "docs" / "monitoring"
# What Prometheus adds to each series by itself.
OF_PROMETHEUS = {"instance", "job"}
SELECTOR = re.compile(r"\b(pikkit_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)=~?"([^"]*)"')
GROUPING = re.compile(r"\b(?:on|by|ignoring)\s*\(([^)]*)\)")
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(text: str) -> Series:
    """What Prometheus makes of the text: by name and labels, the value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(printed: Series, name: str, **labels: str) -> float:
    return printed[name, frozenset(labels.items())]


def printed_metrics(environ: dict[str, str]) -> Series:
    done = pikkit_here("metrics", environ=environ)
    assert done.returncode == 0, done.stderr
    return series(done.stdout)


def database_of(connections: Connections) -> psycopg.Connection:
    return psycopg.connect(**connections.postgres.conninfo, autocommit=True)


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of the rules and of the dashboard, and the text in which its labels are shown."""
    rules = yaml.safe_load((DOCUMENTS / "alert_rules.yml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["expr"], " ".join(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    dashboard = json.loads((DOCUMENTS / "dashboard.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"], " ".join(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"].replace("instance)", ")"), ""


def faults(expression: str, shown: str, printed: Series) -> list[str]:
    """The metrics, labels and values of labels in an expression that nothing prints."""
    names = {name for name, _ in printed}
    found, labels_of_metrics = [], set[str]()
    for name, matchers in SELECTOR.findall(expression):
        if name not in names:
            found.append(name)
            continue
        labels = {label for metric, pairs in printed if metric == name for label, _ in pairs}
        labels_of_metrics |= labels
        pairs = {pair for metric, of_series in printed if metric == name for pair in of_series}
        for label, wanted in MATCHER.findall(matchers):
            if label not in labels | OF_PROMETHEUS or (label in labels and (label, wanted) not in pairs):
                found.append(f"{name}{{{label}={wanted}}}")
    named = {label for group in GROUPING.findall(expression) for label in re.findall(r"\w+", group)} | {*shown.split()}
    return found + sorted(named - labels_of_metrics - OF_PROMETHEUS)


def test_every_metric_of_the_catalogue_is_printed_with_the_declared_labels_after_a_run(
    told: dict[str, str], after_run: Connections
) -> None:
    with database_of(after_run) as database:  # a table that was synced, beside the file
        database.execute(
            "insert into ops.sync_state (stream, cursor_updated_at, total_versions, last_success_at) "
            "values ('a table', now(), 1, now())"
        )
    printed = printed_metrics(told)
    labels: dict[str, set[frozenset[str]]] = {}
    for name, pairs in printed:
        labels.setdefault(name, set()).add(frozenset(label for label, _ in pairs))
    assert labels == {metric.name: {frozenset(metric.labels)} for metric in METRICS}


def test_the_printed_values_are_those_of_the_store(told: dict[str, str], after_run: Connections) -> None:
    printed = printed_metrics(told)
    assert value(printed, "pikkit_rows_total", outcome="read") == 4
    assert value(printed, "pikkit_last_sync_rows", outcome="accepted") == 3
    assert value(printed, "pikkit_validation_pass_ratio") == 3 / 4
    assert value(printed, "pikkit_quarantine_open_rows") == 1
    assert value(printed, "pikkit_store_rows", table="processed.bets") == 3
    assert value(printed, "pikkit_batch_rows") == 3
    assert value(printed, "pikkit_runs_total", verb="run", state="done") == 1
    # At 0 before there is one: Prometheus sees no increase of a counter that appears at 1.
    assert [
        value(printed, "pikkit_runs_total", verb="run", state=state) for state in ("refused", "failed", "died")
    ] == [0] * 3
    assert value(printed, "pikkit_gate_state", state="passed") == 1
    assert value(printed, "pikkit_gate_state", state="refused") == 0
    assert value(printed, "pikkit_features_timestamp_seconds") == NOW.timestamp()
    assert value(printed, "pikkit_view_timestamp_seconds", view="sport_stats", store="offline") == NOW.timestamp()
    with database_of(after_run) as database:
        row = database.execute(
            "select extract(epoch from finished_at)::float8, extract(epoch from finished_at - started_at)::float8, "
            "(select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = 'raw'::regnamespace "
            "and relkind = 'r')::float8, "
            "(select count(*) from ops.gate_results where state = 'passed')::float8 from ops.runs"
        ).fetchone()
    assert row == (
        value(printed, "pikkit_last_success_timestamp_seconds", verb="run"),
        pytest.approx(value(printed, "pikkit_run_duration_seconds", verb="run")),
        value(printed, "pikkit_storage_bytes", schema="raw"),
        value(printed, "pikkit_gate_checks", state="passed"),
    )


def test_anomalies_are_counted_by_severity_for_each_bet_of_the_batch(
    told: dict[str, str], after_run: Connections
) -> None:
    kinds = {"a": {"high": 1, "low": 2}, "b": {"high": 2}}
    with database_of(after_run) as database:
        database.execute(
            "update ops.run_steps set counts = %s where step = 'anomalies'",
            [json.dumps({"rows": 6, "flags": 5, "kinds": kinds})],
        )
    printed = printed_metrics(told)
    ratios = [value(printed, "pikkit_anomaly_ratio", severity=name) for name in ("low", "medium", "high", "critical")]
    assert ratios == [2 / 6, 0, 3 / 6, 0]


def test_a_sync_that_was_not_committed_adds_no_rows(told: dict[str, str], after_run: Connections) -> None:
    with database_of(after_run) as database:
        database.execute("delete from ops.run_steps where step = 'commit'")
    assert not [name for name, _ in printed_metrics(told) if name in ("pikkit_rows_total", "pikkit_last_sync_rows")]


def test_rules_and_dashboard_use_only_printed_metrics_and_labels(told: dict[str, str], after_run: Connections) -> None:
    with database_of(after_run) as database:
        database.execute(
            "insert into ops.sync_state (stream, cursor_updated_at, total_versions, last_success_at) "
            "values ('a table', now(), 1, now())"
        )
    printed = printed_metrics(told)
    found = {expression: faults(expression, shown, printed) for expression, shown in expressions()}
    assert len(found) > 30
    assert {expression: wrong for expression, wrong in found.items() if wrong} == {}


def test_an_expression_with_a_metric_label_or_value_that_nothing_prints_is_noticed(told: dict[str, str]) -> None:
    printed = printed_metrics(told)
    assert faults("pikkit_no_such_total > 1", "", printed) == ["pikkit_no_such_total"]
    assert faults('pikkit_gate_state{state="lost"} == 1', "", printed) == ["pikkit_gate_state{state=lost}"]
    assert faults('pikkit_redis_up{view="x"} == 1', "", printed) == ["pikkit_redis_up{view=x}"]
    assert faults("sum by (nothing) (pikkit_runs_total)", "stream", printed) == ["nothing", "stream"]


def test_docs_monitoring_lists_exactly_the_metrics_of_the_catalogue() -> None:
    text = (REPOSITORY / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(pikkit_\w+)` \| (\w+) \| ([^|]*) \| ([^|]+) \|$", text, re.MULTILINE)
    documented = [(name, kind, tuple(re.findall(r"\w+", labels)), meaning) for name, kind, labels, meaning in rows]
    assert documented == [(metric.name, metric.kind, metric.labels, metric.meaning) for metric in METRICS]


def test_metric_names_have_base_units_and_only_counters_end_with_total() -> None:
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric
        assert not re.search(r"_(ms|minutes|hours|percent|kb|mb)\b", metric.name), metric


def test_a_successful_and_a_refused_run_are_measured_once_each(
    told: dict[str, str], after_run: Connections, tmp_path: Path
) -> None:
    strict = {name: text for name, text in told.items() if name != "PIKKIT_GATES"}
    refused = pikkit_here("run", "--source", jsonl(tmp_path / "b.jsonl", bet("b9", 4)), environ=strict)
    assert refused.returncode == 3
    locked_out = pikkit_here("run", "--source", tmp_path / "not there.jsonl", environ=strict)
    assert locked_out.returncode == 2
    with database_of(after_run) as database:
        rows = database.execute(
            "select state, count(*) = count(distinct (name, labels)), "
            "max(value) filter (where name = 'pikkit_gate_state' and labels ->> 'state' = 'refused') "
            "from ops.runs join ops.metrics using (run_id) group by run_id, state order by run_id"
        ).fetchall()
    assert rows == [("done", True, 0.0), ("refused", True, 1.0)]


def test_metrics_past_the_retention_are_deleted_with_the_next_run(
    told: dict[str, str], after_run: Connections, tmp_path: Path
) -> None:
    with database_of(after_run) as database:
        database.execute(
            "insert into ops.runs (run_id, verb, state, code_version, now, started_at, finished_at) "
            "values ('01800000-0000-7000-8000-000000000000', 'run', 'done', '', now(), now(), now())"
        )
        database.execute(
            "insert into ops.metrics select '01800000-0000-7000-8000-000000000000', name, labels, value, at "
            "from ops.metrics"
        )
        pikkit_here("sync", "--source", jsonl(tmp_path / "b.jsonl", bet("b9", 4)), environ=told)
        kept = database.execute("select distinct verb from ops.metrics join ops.runs using (run_id) order by 1")
        assert kept.fetchall() == [("run",), ("sync",)]
        old = database.execute("select count(*) from ops.metrics where run_id::text like '01800000%'").fetchone()
    assert old == (0,)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_hostile_name_of_a_stream_is_a_label_and_adds_no_series(text: str) -> None:
    for name in (text, f"{text}\npikkit_forged 1\n", f'{text}"}} 1\\'):
        printed = exposition([Sample("pikkit_stream_failures", 1.0, {"stream": name})])
        assert series(printed) == {("pikkit_stream_failures", frozenset({("stream", name)})): 1.0}


def test_the_textfile_is_replaced_as_a_whole_and_readable_by_every_user(told: dict[str, str], tmp_path: Path) -> None:
    directory = tmp_path / "textfiles"
    directory.mkdir()
    file = directory / "pikkit.prom"
    file.write_text("of before")
    before = file.stat().st_ino
    done = pikkit_here(
        "sync",
        "--source",
        jsonl(tmp_path / "b.jsonl", bet("b9", 4)),
        environ=told | {"PIKKIT_METRICS_FILE": str(file)},
    )
    assert done.returncode == 0, done.stderr
    assert value(series(file.read_text()), "pikkit_runs_total", verb="sync", state="done") == 1
    assert file.stat().st_ino != before
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in directory.iterdir()] == ["pikkit.prom"]


@pytest.mark.parametrize("trouble", ["file", "closed", "hangs", "fails"])
def test_metrics_that_reach_nobody_are_a_warning_and_the_run_succeeds(
    trouble: str, told: dict[str, str], tmp_path: Path, hook: Receiver
) -> None:
    gateway = f"http://127.0.0.1:{closed_port()}" if trouble == "closed" else hook.url
    hook.hangs, hook.status = trouble == "hangs", 500
    directory = tmp_path / "gone"
    directory.mkdir()
    settings = {"PUSHGATEWAY_URL": gateway}
    if trouble == "file":
        (directory / "x.prom").mkdir()
        settings = {"PIKKIT_METRICS_FILE": str(directory / "x.prom")}
    done = pikkit_here("sync", "--source", jsonl(tmp_path / "b.jsonl", bet("b9", 4)), environ=told | settings)
    assert done.returncode == 0
    assert done.stderr.count("Warning: The metrics were not") == 1


def test_a_pushgateway_gets_all_metrics_with_user_and_password(
    told: dict[str, str], tmp_path: Path, hook: Receiver
) -> None:
    gateway = f"http://user:p%40ss@127.0.0.1:{hook.port}"
    done = pikkit_here(
        "sync", "--source", jsonl(tmp_path / "b.jsonl", bet("b9", 4)), environ=told | {"PUSHGATEWAY_URL": gateway}
    )
    assert "Warning: The metrics" not in done.stderr
    (request,) = hook.requests
    assert (request.method, request.path) == ("PUT", "/metrics/job/pikkit")
    assert request.headers["Authorization"] == "Basic dXNlcjpwQHNz"
    assert {name for name, _ in series(request.body.decode())} <= METRIC_BY_NAME.keys()


def test_a_store_that_is_down_has_the_metric_up_at_zero(after_run: Connections, told: dict[str, str]) -> None:
    no_redis = printed_metrics(told | {"REDIS_URL": f"redis://127.0.0.1:{closed_port()}/0"})
    assert (value(no_redis, "pikkit_postgres_up"), value(no_redis, "pikkit_redis_up")) == (1, 0)
    environ = told | {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": closed_port()}
    no_postgres = printed_metrics(environ)
    assert value(no_postgres, "pikkit_postgres_up") == 0
    assert ("pikkit_redis_up", frozenset()) not in no_postgres


def test_an_address_that_cannot_be_served_is_a_usage_error(told: dict[str, str]) -> None:
    for address in ("nonsense", "127.0.0.1:99999", "192.0.2.1:0"):
        assert pikkit_here("metrics", "--serve", address, environ=told).returncode == 2
