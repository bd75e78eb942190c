"""The verb score: bets turned into their feature vectors, read online."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json, MappingOption, Now
from ingestion.cli.serve.score_warnings import say_what_was_left_out, warn_of_ages, warn_of_naive, warn_of_unknown
from ingestion.cli.serve.vectors import print_scored, scored_document
from ingestion.cli.stores import begin, load_feast, stores

if TYPE_CHECKING:
    from ingestion.serving.score import Scored

if TYPE_CHECKING:
    from feature_repo.servers.connections import Connections
    from ingestion.settings import Settings
    from training.artefacts.model_store import KeptModel
    from training.artefacts.served_model import ServedModel


def score(
    bet: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="The bet as a JSON object, or several in an array; - reads standard input."),
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A Parquet, JSON or CSV file of bets.")] = None,
    mapping: MappingOption = None,
    id: Annotated[str | None, typer.Option(help="Id of the bet; bet_lookup_v1 needs nothing else.")] = None,
    sport: Annotated[str | None, typer.Option(help="Sport; an empty text is an unknown one, here and below.")] = None,
    league: Annotated[str | None, typer.Option(help="League.")] = None,
    market: Annotated[str | None, typer.Option(help="Market.")] = None,
    institution_name: Annotated[str | None, typer.Option(help="Sportsbook.")] = None,
    american_odds: Annotated[str | None, typer.Option(help="Price: -110, +250.")] = None,
    bet_type: Annotated[str | None, typer.Option(help="straight, parlay, round_robin_3 and so on.")] = None,
    live: Annotated[
        bool | None, typer.Option("--live/--no-live", help="Whether the event is under way (is_live).")
    ] = None,
    time_placed: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When it is placed (ISO 8601). Default: now.")
    ] = None,
    clv_percentage: Annotated[str | None, typer.Option(help="Closing line value, where it is known already.")] = None,
    service: Annotated[
        str | None, typer.Option(help="Feature service. Default: market_profitability_at_placement_v1.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Print its probability of a win too; `promoted` is the promoted model."),
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Turn a bet into its feature vector, read online.

    The bet is JSON, or a row of a file, or options for its columns; an option that is left out stands for a value that
    is not known. Names that the store does not know are told with the nearest that it knows.
    """
    from feature_repo import clock
    from ingestion.serving.score import DEFAULT_SERVICE, check, naive_instants, score_bets

    columns = {
        "id": id,
        "sport": sport,
        "league": league,
        "market": market,
        "institution_name": institution_name,
        "american_odds": american_odds,
        "bet_type": bet_type,
        "is_live": live,
        "time_placed": time_placed,
        "clv_percentage": clv_percentage,
    }
    settings = begin(now)
    named = {name: value for name, value in columns.items() if value is not None}
    bets = _bets_of_options(bet, file, mapping, named)
    naive = naive_instants(bets)
    kept = _kept_model(settings, model) if model else None
    service = service or (kept.manifest.data.service if kept else DEFAULT_SERVICE)
    check(bets, service=service, now=clock.now())
    connections = stores(settings, create=False)
    load_feast()
    served = _fitting_model(kept, connections) if kept else None
    scored = score_bets(connections, bets, service=service, now=clock.now(), model=served)
    if json:
        print_json(scored_document(scored) | {"naive_instants": naive})
    else:
        print_scored(scored)
    _say_what_to_know(scored, naive, named)


def _say_what_to_know(scored: Scored, naive: Sequence[str], columns: Collection[str]) -> None:
    """On stderr: instants without a zone, options of the bet that `columns` lacks, unknown names, old values."""
    if naive:
        warn_of_naive(naive)
    if columns and not scored.is_by_id:
        say_what_was_left_out(columns)
    warn_of_unknown(scored)
    warn_of_ages(scored)


def _kept_model(settings: Settings, name: str) -> KeptModel:
    """The model of --model. Raises ConfigurationError, with the nearest name."""
    from training.artefacts.model_store import ModelStore

    return ModelStore.of_home(settings.home).model(name)


def _fitting_model(kept: KeptModel, connections: Connections) -> ServedModel:
    """The model, once it is known to fit the store. Raises as `load_model` does."""
    from training.artefacts.served_model import served_model

    return served_model(kept, connections)


def _bets_of_options(
    text: str | None, file: Path | None, mapping: Path | None, columns: dict[str, Any]
) -> list[dict[str, Any]]:
    """The bets of --bet, --file or the options of columns. Raises ConfigurationError unless it is one of the three."""
    from feature_repo.bets.frame import NEEDED
    from feature_repo.errors import ConfigurationError
    from ingestion.serving.score import parse_bets, read_bets

    if (text is not None) + (file is not None) + bool(columns) != 1:
        raise ConfigurationError(
            "A bet is given by --bet, by --file, or by --sport, --league and the rest, and by one of these alone",
            "Nothing was scored",
            "`pikkit score --help` lists the options",
        )
    if mapping is not None and file is None:
        raise ConfigurationError("--mapping is for a --file", "Nothing was scored", "Leave it out")
    if file is not None:
        from ingestion.sources.files.formats.known_formats import read_mapping

        return read_bets(file, read_mapping(mapping) if mapping else None)
    if text is None:
        return [dict.fromkeys(NEEDED) | columns]
    return parse_bets(sys.stdin.read() if text == "-" else text)
