"""`pikkit doctor` finds what is wrong with the settings and with this machine, and shows no secret."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from feature_repo.servers.connections import Connections
from ingestion.doctor import settings
from ingestion.doctor.doctor import examine
from ingestion.doctor.settings import check_feature_store_yaml, check_home, check_packages
from tests.rigs.commands import by_name, verdicts
from tests.rigs.trouble import small_disk

# ---- settings ------------------------------------------------------------------------------------------------------


def test_doctor_of_a_migrated_store_warns_of_the_missing_registry_alone(environ: dict[str, str]) -> None:
    assert verdicts(examine(environ)) == {"registry": "warn"}


def test_doctor_with_unusable_settings_names_all_and_contacts_no_server(environ: dict[str, str]) -> None:
    del environ["POSTGRES_USER"]
    checks = by_name(examine(environ | {"POSTGRES_PORT": "x", "PIKKIT_NOW": "later", "KNOWN_AT_COLUMN": "placed_at"}))
    failed = {name for name, check in checks.items() if check.verdict == "FAIL"}
    assert failed == {"POSTGRES_USER", "POSTGRES_PORT", "PIKKIT_NOW", "KNOWN_AT_COLUMN"}
    assert {check.exit_code for check in checks.values() if check.verdict == "FAIL"} == {2}
    assert "Postgres" not in checks


def test_a_stopped_clock_is_a_warning(environ: dict[str, str]) -> None:
    check = by_name(examine(environ | {"PIKKIT_NOW": "2026-05-24"}))["PIKKIT_NOW"]
    assert (check.verdict, "stands at 2026-05-24" in check.found) == ("warn", True)


def test_doctor_masks_passwords_of_postgres_and_redis(connections: Connections, environ: dict[str, str]) -> None:
    environ["POSTGRES_PASSWORD"] = "correct horse"
    told = " ".join(check.found for check in examine(environ))
    assert connections.redis.password
    assert [secret for secret in ("correct horse", connections.redis.password) if secret in told] == []
    assert "redis://***@127.0.0.1" in told


def test_doctor_does_not_show_the_value_of_an_unusable_setting(environ: dict[str, str]) -> None:
    told = " ".join(check.found for check in examine(environ | {"REDIS_URL": "hunter2", "POSTGRES_PORT": "hunter3"}))
    assert "hunter" not in told


def test_doctor_recognizes_the_exported_settings_of_another_home(environ: dict[str, str]) -> None:
    """After `eval "$(pikkit env)"` and a change of PIKKIT_HOME, only "REDIS_URL: not set" was said."""
    del environ["REDIS_URL"]
    assert "unset POSTGRES_*" in by_name(examine(environ))["POSTGRES_HOST"].found


# ---- this machine --------------------------------------------------------------------------------------------------


def test_doctor_names_packages_that_are_missing_or_of_an_unfit_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_packages().verdict == "ok"
    asked = ["polars>=999", "nobody-wrote-this", "not-needed; extra == 'dev'"]
    monkeypatch.setattr(settings, "requires", lambda _: asked)
    found = check_packages().found
    assert "polars>=999 is needed" in found
    assert "nobody-wrote-this is needed, found missing" in found
    assert "not-needed" not in found


def test_home_below_a_file_fails_the_home_check(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert verdicts(check_home({"PIKKIT_HOME": str(tmp_path / "file" / "home")})) == {"home": "FAIL"}


@pytest.mark.parametrize(("megabytes", "expected"), [(100, ("FAIL", 4)), (1000, ("warn", 0)), (9000, ("ok", 0))])
def test_nearly_full_disk_of_the_home_warns_or_fails_by_the_room_left(
    megabytes: int, expected: tuple[str, int]
) -> None:
    with small_disk(megabytes) as disk:
        check = by_name(check_home({"PIKKIT_HOME": str(disk / "home")}))["disk"]
    assert (check.verdict, check.exit_code) == expected


def test_embedded_servers_that_are_down_are_a_warning_and_stay_down(tmp_path: Path) -> None:
    checks = by_name(examine({"PIKKIT_HOME": str(tmp_path / "home")}))
    assert (checks["servers"].verdict, "Postgres" in checks) == ("warn", False)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("password", ["", 'it\'s "$HOME" ${PATH}, #1: {x} \\n %41 |', " ß🎲 ", "a\nb", "a\x01b", "1e5"])
def test_postgres_password_that_feature_store_yaml_cannot_carry_fails_the_check(
    connections: Connections, password: str
) -> None:
    postgres = dataclasses.replace(connections.postgres, password=password)
    check = check_feature_store_yaml(dataclasses.replace(connections, postgres=postgres))
    assert check.verdict == ("FAIL" if password in ("a\nb", "a\x01b") else "ok")
