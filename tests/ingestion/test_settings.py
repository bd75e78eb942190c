"""The settings are read once, checked together and never show a secret."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feature_repo.errors import ConfigurationError, Unreachable
from feature_repo.servers.connections import Connections
from ingestion.lineage.settings import LineageSettings
from ingestion.settings import Settings
from ingestion.sources.settings import SourceSettings


def test_without_any_setting_the_stores_are_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    no_source, no_lineage = SourceSettings.load({}), LineageSettings(None, None)
    assert Settings.load() == Settings(
        tmp_path / ".pikkit", None, "updated_at", None, None, None, no_source, no_lineage
    )


def test_a_dotenv_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("KNOWN_AT_COLUMN=settled_at\nPIKKIT_NOW=2026-05-24\n")
    settings = Settings.load()
    assert (settings.known_at_column, settings.now) == ("settled_at", datetime(2026, 5, 24, tzinfo=UTC))


def test_all_unusable_settings_are_named_in_a_single_error() -> None:
    wrong = {"REDIS_URL": "nonsense", "PIKKIT_NOW": "later", "KNOWN_AT_COLUMN": "placed_at", "POSTGRES_PORT": "x"}
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(wrong)
    named = [line.split(":")[0].strip(" -") for line in refused.value.what.splitlines()[1:]]
    assert sorted(named) == sorted([*wrong, *(f"POSTGRES_{x}" for x in ("HOST", "DATABASE", "USER", "PASSWORD"))])


def test_exports_of_another_home_are_named_as_the_cause_with_the_remedy(environ: dict[str, str]) -> None:
    del environ["REDIS_URL"]
    with pytest.raises(ConfigurationError, match="another PIKKIT_HOME") as refused:
        Settings.load(environ)
    assert "REDIS_URL" not in str(refused.value)
    assert "unset POSTGRES_HOST POSTGRES_DATABASE" in refused.value.next_step


def test_loaded_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.load({}).known_at_column = "settled_at"  # type: ignore[misc]


def test_connections_to_external_stores_come_from_the_settings(
    environ: dict[str, str], connections: Connections
) -> None:
    assert Settings.load(environ).connections() == connections


def test_home_without_a_store_is_unreachable_and_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"There is no store under .*`pikkit run` or `pikkit demo`"):
        Settings.load({"PIKKIT_HOME": str(tmp_path)}).connections()


def test_no_secret_shows_in_the_repr_of_settings(environ: dict[str, str]) -> None:
    secrets = {"POSTGRES_PASSWORD": "s3cret", "REDIS_URL": "redis://:hush@cache"}
    shown = repr(Settings.load(environ | secrets))
    assert not [secret for secret in ("s3cret", "hush") if secret in shown]
