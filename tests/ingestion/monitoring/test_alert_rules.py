"""The rules of docs/monitoring/ and Prometheus' own unit tests of them, which promtool runs where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY

RULES = REPOSITORY / "docs" / "monitoring" / "alert_rules.yml"
RULE_TESTS = RULES.with_name("alert_rules_test.yml")


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def firing_cases() -> set[str]:
    """The rules that a unit test expects an alert of."""
    document = yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))
    cases = [case for test in document["tests"] for case in test.get("alert_rule_test", ())]
    return {case["alertname"] for case in cases if case["exp_alerts"]}


def test_every_rule_fires_in_some_unit_test() -> None:
    assert firing_cases() == {rule["alert"] for rule in rules()}


def test_a_store_that_sends_no_metrics_has_a_rule() -> None:
    """Every comparison is silent about a series that is gone: promtool showed an exporter that died and no alert."""
    assert [rule["alert"] for rule in rules() if "absent(" in rule["expr"]] == ["PikkitNotMeasured"]


def test_promtool_finds_no_fault_in_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run([promtool, "test", "rules", str(RULE_TESTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
