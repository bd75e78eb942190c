"""The verb explain: why a feature has its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.stores import begin, stores
from ingestion.cli.trace.explained import (
    explanation_document,
    last_line,
    print_explained_feature,
    print_explained_vector,
)

if TYPE_CHECKING:
    from datetime import datetime

# What a feature that does not agree with its bets ends the command with.
_DISAGREES = 1
# Versions that are listed of one feature.
_LISTED = 20


def explain(
    feature: Annotated[
        str,
        typer.Argument(metavar="FEATURE", help="A feature, VIEW:FEATURE, a view, or a service: then the whole vector."),
    ],
    bet: Annotated[str | None, typer.Option("--bet", metavar="ID", help="Of this bet, or of its group.")] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Of this group, such as 'Soccer|Moneyline'.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="INSTANT", help="As of this instant, or `placement` of the bet; if left out now."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=0, help="How many bets to list, the newest first: 20 of one feature, else none."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="List all bets, and versions that count no more or never did.")
    ] = False,
    json: Json = False,
) -> None:
    """Show why a feature has its value.

    Offline and online, the bets behind it, what changed it last, by which run, gate and source row. The value is worked
    out again from the bets by plain arithmetic: exits 1 where that gives another.
    """
    from feature_repo.explanation.explain import explain_features
    from feature_repo.explanation.sessions import explaining_session
    from feature_repo.explanation.subject import ExplainRequest, chosen_features
    from ingestion.database.read_only import read_only_store
    from ingestion.runs.run_ids import short_run_ids

    if limit is None:
        limit = 0 if any(len(chosen.features) > 1 for chosen in chosen_features(feature)) else _LISTED
    request = ExplainRequest(feature, bet, key, _instant(at), None if whole else limit)
    connections = stores(begin(), create=False)
    with (
        read_only_store(connections.postgres, purpose="explain") as connection,
        explaining_session(connection, connections) as client,
    ):
        explanation = explain_features(connection, client, request)
        behind = [change.run.run_id for view in explanation.views for change in view.changes if change.run]
        short = short_run_ids(connection, dict.fromkeys(behind))
    if json:
        print_json(explanation_document(explanation))
    else:
        for view in explanation.views:
            if len(view.features) == 1:
                print_explained_feature(explanation, view, short)
        if vector := [view for view in explanation.views if len(view.features) > 1]:
            print_explained_vector(explanation, vector, short)
        print_line()
        print_wrapped(last_line(explanation))
    if not explanation.agrees:
        raise typer.Exit(_DISAGREES)


def _instant(at: str | None) -> datetime | str | None:
    from feature_repo.clock import parse_instant
    from feature_repo.explanation.subject import PLACEMENT

    return at if at in (None, PLACEMENT) else parse_instant(at)
