"""The workflows of GitHub Actions: what they call exists, and nothing of them is laxer than it has to be."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from feature_repo.servers import environment
from ingestion.lineage.settings import LINEAGE_VARIABLES
from ingestion.monitoring.settings import MONITORING_VARIABLES
from ingestion.planning.markdown import MARKER
from ingestion.sources.settings import DEFAULTS
from tests.conftest import REPOSITORY

WORKFLOWS: Final = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
SCHEDULED: Final = ("materialize", "weekly_retrain")
PIKKIT_VARIABLES: Final = {"PIKKIT_HOME", "PIKKIT_REPORT"}
SETTINGS: Final = {
    *environment.REQUIRED,
    *environment.OPTIONAL_VARIABLES,
    *DEFAULTS,
    *MONITORING_VARIABLES,
    *LINEAGE_VARIABLES,
    *PIKKIT_VARIABLES,
}
# What a script may run besides make: it has no settings, and reads what the step before wrote.
PLAIN: Final = {'cat plan.md >> "$GITHUB_STEP_SUMMARY"'}
JOBS: Final = [
    pytest.param(job, id=f"{file.stem}.{name}")
    for file in WORKFLOWS
    for name, job in yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].items()
]
STEPS: Final = [step for job in JOBS for step in job.values[0]["steps"]]


def workflow(name: str) -> dict[str, Any]:
    text = (REPOSITORY / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    content["on"] = content.pop(True)  # what YAML 1.1 makes of the key `on`
    return content


def scripts() -> Iterator[str]:
    yield from (step["run"] for step in STEPS if "run" in step)


def test_every_script_calls_make_targets_that_exist_and_nothing_else() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z_-]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"\$\((?:or \$\()?([A-Z]+)\b", makefile))
    for script in set(scripts()) - PLAIN:
        called = re.fullmatch(r"make((?: [a-z_-]+)+)((?: [A-Z]+=(?:\"[^\"$`]*\"|[\w^]+))*)", script)
        assert called, script
        assert set(called[1].split()) <= targets, script
        assert set(re.findall(r"([A-Z]+)=", called[2])) <= variables, script


def test_job_that_writes_to_a_store_first_checks_the_name_of_the_store() -> None:
    writing = [script for script in scripts() if re.search(r"\b(apply|materialize|weekly_retrain)\b", script)]
    assert writing == ["make named_store apply", "make named_store materialize", "make named_store weekly_retrain"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_a_hash_with_the_version_in_a_comment(file: Path) -> None:
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    pinned = re.compile(r"(?:- )?uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert lines
    assert [line for line in lines if not pinned.fullmatch(line)] == []


def test_action_has_the_same_hash_and_version_in_all_workflows() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in WORKFLOWS)
    pins = set(re.findall(r"(actions/[a-z-]+)@([0-9a-f]{40} # v[\d.]+)", text))
    assert len(pins) == len({action for action, _ in pins})


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_workflow_gives_no_right_and_each_job_the_right_to_read(file: Path) -> None:
    content = workflow(file.stem)
    rights = {name: job["permissions"] for name, job in content["jobs"].items()}
    assert content["permissions"] == {}
    assert rights.pop("comment", {"pull-requests": "write"}) == {"pull-requests": "write"}
    assert set(map(str, rights.values())) == {"{'contents': 'read'}"}
    assert [name for name, job in content["jobs"].items() if not 0 < job["timeout-minutes"] <= 180] == []


def test_job_that_may_write_a_comment_runs_no_code_of_the_pull_request() -> None:
    comment = workflow("ci")["jobs"]["comment"]
    assert [step.get("uses", "").partition("@")[0] for step in comment["steps"]] == [
        "actions/download-artifact",
        "actions/github-script",
    ]
    script = comment["steps"][1]["with"]["script"]
    assert MARKER in script
    assert "${{" not in script


def test_no_checkout_keeps_a_token_and_no_trigger_gives_a_fork_secrets() -> None:
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert {step["with"]["persist-credentials"] for step in checkouts} == {False}
    assert {event for file in WORKFLOWS for event in workflow(file.stem)["on"]} == {
        "push",
        "pull_request",
        "schedule",
        "workflow_dispatch",
    }
    assert [name for name, job in workflow("ci")["jobs"].items() if "secrets." in str(job)] == ["apply"]
    assert workflow("ci")["jobs"]["apply"]["if"].startswith("github.event_name == 'push' && ")


@pytest.mark.parametrize("name", SCHEDULED)
def test_scheduled_workflow_shares_the_group_of_writers_and_cancels_none(name: str) -> None:
    content = workflow(name)
    writers = [content["concurrency"], workflow("ci")["jobs"]["apply"]["concurrency"]]
    assert writers == [{"group": "store", "cancel-in-progress": False}] * 2


def test_materialize_is_hourly_and_retrain_weekly() -> None:
    crons = {name: [each["cron"].split() for each in workflow(name)["on"]["schedule"]] for name in SCHEDULED}
    assert [re.fullmatch(r"\d+ \* \* \* \*", " ".join(cron)) is not None for cron in crons["materialize"]] == [True]
    assert [re.fullmatch(r"\d+ \d+ \* \* \d", " ".join(cron)) is not None for cron in crons["weekly_retrain"]] == [True]


def test_environment_of_every_step_is_of_settings_and_each_secret_is_named_for_a_setting() -> None:
    for step in STEPS:
        for name, value in step.get("env", {}).items():
            assert name in SETTINGS, name
            named = re.findall(r"(?:secrets|vars)\.(\w+)", value)
            assert named in ([name], []), value
            assert bool(named) or name in PIKKIT_VARIABLES, value


def test_docs_name_exactly_the_secrets_and_variables_that_the_workflows_use() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in WORKFLOWS)
    page = (REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8")
    section = page.partition("## Secrets and variables")[2].partition("\n## ")[0]
    tables = dict(zip(("secrets", "vars"), re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE), strict=True))
    for context, table in tables.items():
        first_cells = " ".join(line.split("|")[1] for line in table.splitlines())
        assert set(re.findall(r"`([A-Z_]+)`", first_cells)) == set(re.findall(rf"{context}\.(\w+)", text))


def test_secret_reaches_only_steps_that_run_make() -> None:
    with_secrets = [step for step in STEPS if "secrets." in str(step)]
    assert {step["run"].partition(" ")[0] for step in with_secrets} == {"make"}
    outside = [file.stem for file in WORKFLOWS for job in workflow(file.stem)["jobs"].values() if "env" in job]
    assert outside == []


# ---- what the targets do around their commands ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "told"), [((), []), (("REDIS_URL", "POSTGRES_USER"), ["POSTGRES_USER", "REDIS_URL"])]
)
def test_named_store_fails_with_the_names_that_are_empty(missing: tuple[str, ...], told: list[str]) -> None:
    store = dict.fromkeys(environment.REQUIRED, "x") | dict.fromkeys(missing, "") | {"POSTGRES_PASSWORD": ""}
    done = make("named_store", store)
    assert done.returncode == (2 if missing else 0)
    assert re.findall(r"^(\w+) is not set$", done.stderr, re.MULTILINE) == told


@pytest.mark.parametrize(("code", "words"), [(3, "refused; what is served"), (5, "another run held the lock")])
def test_failed_command_tells_the_summary_the_code_and_ends_with_the_same(
    tmp_path: Path, code: int, words: str
) -> None:
    summary = tmp_path / "summary.md"
    command = [str(REPOSITORY / ".ci" / "told"), "sh", "-c", f"exit {code}"]
    environ = {"PATH": "/usr/bin:/bin", "GITHUB_STEP_SUMMARY": str(summary)}
    assert subprocess.run(command, env=environ, capture_output=True, check=False).returncode == code
    assert summary.read_text().startswith(f"`sh -c` ended with exit code {code}: {words}")


def test_command_that_is_done_leaves_the_summary_alone(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    subprocess.run([str(REPOSITORY / ".ci" / "told"), "true"], env=environ, check=True)
    assert list(tmp_path.iterdir()) == []


def make(target: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["make", "--silent", target]
    environ = {"PATH": "/usr/bin:/bin"} | environ
    return subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False)
