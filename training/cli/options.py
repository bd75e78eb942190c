"""Options that several verbs of training share, with their help."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

ServiceOption = Annotated[
    str | None,
    typer.Option(
        "--service", metavar="SERVICE", help="Feature service. Default: market_profitability_at_placement_v1."
    ),
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="INSTANT", help="Only bets placed at this instant or later.")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="INSTANT", help="Only bets placed before this instant.")
]
AsIsOption = Annotated[
    bool, typer.Option("--as-is", help="Take the features as they stand, though they are more than a day old.")
]
ManifestOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="MANIFEST",
        help="The bets of this model or dataset again: a name, or a directory.",
    ),
]


def placed_between(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """The instants of --since and --until. Raises ConfigurationError unless the first lies before the other."""
    from feature_repo.clock import parse_instant
    from feature_repo.errors import ConfigurationError

    instants = parse_instant(since) if since else None, parse_instant(until) if until else None
    if instants[0] and instants[1] and instants[0] >= instants[1]:
        raise ConfigurationError("--since does not lie before --until", "Nothing was done", "Exchange them")
    return instants


def refuse_beside_manifest(**options: object) -> None:
    """Raise ConfigurationError when an option is given that the manifest of --from decides."""
    from feature_repo.errors import ConfigurationError

    if given := [f"--{name.replace('_', '-')}" for name, value in options.items() if value]:
        raise ConfigurationError(
            f"--from says which bets to take, and {', '.join(given)} too", "Nothing was done", "Leave one of them out"
        )
