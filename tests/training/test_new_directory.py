"""The directory of a model or dataset: whole under its name or not there, and never over another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from feature_repo.errors import ConfigurationError
from training.artefacts.new_directory import whole_directory


def write_model(place: Path, meanwhile: Callable[[], object]) -> None:
    with whole_directory(place) as unfinished:
        (unfinished / "weights").write_text("ours")
        meanwhile()


def test_directory_that_was_filled_while_a_model_was_made_keeps_the_earlier_files(tmp_path: Path) -> None:
    place = tmp_path / "model"

    def fill() -> None:
        place.mkdir()
        (place / "weights").write_text("theirs")

    with pytest.raises(ConfigurationError, match="is not empty"):
        write_model(place, fill)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (place / "weights").read_text() == "theirs"


def test_directory_is_not_there_when_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_model(tmp_path / "model", lambda: 1 // 0)
    assert list(tmp_path.iterdir()) == []
