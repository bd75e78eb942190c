"""What --source may mean, and what is said when it means nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feature_repo.errors import ConfigurationError, SourceRejected
from ingestion.intake.streams import reconcile_command
from ingestion.sources.settings import SourceSettings
from ingestion.sources.source_choice import chosen_source, chosen_table


@pytest.fixture
def settings() -> SourceSettings:
    return SourceSettings(supabase=None, postgres=None, overlap=timedelta(0), patience=timedelta(0))


@pytest.mark.parametrize(
    ("name", "what", "next_step"),
    [
        ("supabse", "did you mean 'supabase'?", "or the path of a file"),
        ("https://x.supabase.co", "is a URL", "Set SUPABASE_URL and SUPABASE_KEY"),
        ("postgres", "SOURCE_POSTGRES_URL must be set: postgres", "pikkit doctor"),
        (None, "none is configured", "--source FILE"),
    ],
)
def test_unknown_source_is_refused_with_the_possible_sources(
    settings: SourceSettings, name: Any, what: str, next_step: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        chosen_source(name, settings)
    assert what in refused.value.what
    assert next_step in refused.value.next_step


def test_misspelt_file_name_is_refused_with_the_nearest_file_beside(settings: SourceSettings, tmp_path: Path) -> None:
    (tmp_path / "bets.parquet").touch()
    (tmp_path / "secrets.txt").touch()
    with pytest.raises(SourceRejected, match=r"does not exist \(did you mean 'bets\.parquet'\?\)"):
        chosen_source(str(tmp_path / "bets.parqet"), settings)


def test_refusal_of_a_reconciliation_without_a_table_does_not_suggest_a_file(settings: SourceSettings) -> None:
    with pytest.raises(ConfigurationError) as refused:
        chosen_table(None, settings)
    assert "FILE" not in refused.value.next_step
    with pytest.raises(ConfigurationError, match=r"bets\.csv is no table.*--source supabase or --source postgres"):
        chosen_table("bets.csv", settings)


def test_suggested_reconcile_command_names_the_source_the_deletes_and_the_streams() -> None:
    assert reconcile_command("postgres:public.bets", 3, ["file:a b.csv"]) == (
        "pikkit reconcile --source postgres --most-deletes 3 '--include-stream=file:a b.csv'"
    )
    assert reconcile_command("supabase:x/bets", None).endswith("--most-deletes N")
