"""What a scorer can take as a model: anything that makes probabilities of the vectors that are served."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from feature_repo.errors import NotScorable

#: The names of a bet that a model gets beside its features.
MODEL_NAMES = ("sport", "market", "institution_name")


class Model(Protocol):
    """A trained model. `training.artefacts.served_model.load_model` gives one that is known to fit the store."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def service(self) -> str:
        """The service whose vectors it was trained on."""
        ...

    @property
    def features(self) -> tuple[str, ...]:
        """The features that it needs."""
        ...

    def win_probabilities(
        self, features: Mapping[str, Sequence[Any]], names: Mapping[str, Sequence[str | None]]
    ) -> list[float | None]:
        """The chance of each bet to win, null where it has none, from the values of the features and MODEL_NAMES."""
        ...


def check_model(model: Model, service: str, names: Collection[str]) -> None:
    """Raise NotScorable unless the model is of this service, which has these features."""
    missing = [name for name in model.features if name not in names]
    if model.service == service and not missing:
        return
    because = f"is of {model.service}" if model.service != service else f"needs {', '.join(missing)}"
    raise NotScorable(
        f"Model {model.name} {because}, and {service} was asked for",
        "Nothing was scored",
        f"Ask for {model.service}, or take a model of {service}",
    )
