"""Where models are kept: a directory each below `<home>/models`, and the name of the one that is promoted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from feature_repo.errors import ConfigurationError
from feature_repo.near_names import did_you_mean
from ingestion.unfinished_file import unfinished_file
from training.manifest import MANIFEST, ModelManifest, PinnedData, read_manifest, read_pinned

#: Stands for the promoted model wherever the name of a model is asked for. A file of this name holds its name.
PROMOTED: Final = "promoted"


@dataclass(frozen=True)
class KeptModel:
    """A model that is kept."""

    directory: Path
    manifest: ModelManifest
    is_promoted: bool

    @property
    def name(self) -> str:
        """What it is called: the name of its directory."""
        return self.directory.name


@dataclass(frozen=True)
class ModelStore:
    """The models of a home."""

    #: The directory of their directories. It need not exist.
    place: Path

    @classmethod
    def of_home(cls, home: Path) -> ModelStore:
        """The models that are kept under this PIKKIT_HOME."""
        return cls(home / "models")

    def models(self) -> list[KeptModel]:
        """Every model, the newest first."""
        promoted = self.promoted()
        directories = [path.parent for path in self.place.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")]
        kept = [KeptModel(path, read_manifest(path), path.name == promoted) for path in directories]
        return sorted(kept, key=lambda model: (model.manifest.trained_at, model.name), reverse=True)

    def promoted(self) -> str | None:
        """The name of the promoted model, if there is one."""
        try:
            return (self.place / PROMOTED).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def model(self, name: str) -> KeptModel:
        """The model of this name, of this directory, or with the name `promoted` that one.

        Raises ConfigurationError, with the nearest name.
        """
        promoted = self.promoted()
        if name == PROMOTED and promoted is None:
            raise ConfigurationError(
                "No model is promoted", "Nothing was done", "`pikkit models promote NAME` promotes one"
            )
        wanted = str(promoted) if name == PROMOTED else name
        for directory in (self.place / wanted, Path(wanted)):
            if wanted and (directory / MANIFEST).is_file():
                return KeptModel(directory, read_manifest(directory), directory == self.place / str(promoted))
        known = [model.name for model in self.models()]
        raise ConfigurationError(
            f"There is no model {wanted}{did_you_mean(wanted, [*known, PROMOTED])}",
            "Nothing was done",
            f"Take one of {', '.join(known)}" if known else "Train one with `pikkit train`",
        )

    def pinned(self, name: str) -> PinnedData:
        """What was pinned by the model or dataset at this path, or by the model of this name as `model` finds it.

        Raises ConfigurationError when there is none, with the nearest name.
        """
        if name != PROMOTED and Path(name).exists():
            return read_pinned(Path(name))
        return self.model(name).manifest.pinned

    def promote(self, name: str) -> KeptModel:
        """Make this the model that `promoted` stands for, from one instant to the next. Raises as `model` does."""
        model = self.model(name)
        if model.directory.parent != self.place:
            raise ConfigurationError(
                f"{model.directory} is not among the models of {self.place}",
                "Nothing was promoted",
                "Train it without `--out`, or move its directory there",
            )
        with unfinished_file(self.place / PROMOTED) as pointer:
            pointer.write_text(f"{model.name}\n", encoding="utf-8")
        return KeptModel(model.directory, model.manifest, is_promoted=True)

    def new_directory(self, service: str, now: datetime) -> Path:
        """A directory for a new model, which does not exist: the service and the instant, and a number if need be."""
        name = f"{service}-{now:%Y%m%dT%H%M%SZ}"
        taken = {path.name for path in self.place.iterdir()} if self.place.exists() else set()
        names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
        return self.place / next(each for each in names if each not in taken)
