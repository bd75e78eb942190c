"""What a scorer can take as a model: anything that makes probabilities of the vectors that are served."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from feature_repo.errors import NotScorable

#: The names of a bet that a model gets beside its features.
MODEL_NAMES = ("sport", "market", "institution_name")


@dataclass(frozen=True)
class WinChances:
    """Probabilities of a win, one per bet in their order; None for a bet without a price."""

    #: By the model.
    model: list[float | None]
    #: The price as offered: 1 / decimal odds, the book's margin included.
    offered: list[float | None]
    #: The calibrated price, on top of which the model learned.
    calibrated: list[float | None]

    @property
    def promised_returns(self) -> list[float | None]:
        """What the model expects a stake of 1 to return beyond itself at the offered odds."""
        return [
            None if chance is None or price is None else chance / price - 1
            for chance, price in zip(self.model, self.offered, strict=True)
        ]


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

    def win_chances(
        self, features: Mapping[str, Sequence[Any]], names: Mapping[str, Sequence[str | None]]
    ) -> WinChances:
        """The chance of each bet to win beside its price, from the values of the features and MODEL_NAMES."""
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
