"""The verb features: every feature with its meaning, unit, range and version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_wrapped, say
from ingestion.cli.stores import begin
from ingestion.cli.tables import print_table
from ingestion.wording import counted, span

if TYPE_CHECKING:
    from ingestion.serving.feature_catalogue import CataloguedView


def features(
    view: Annotated[str | None, typer.Option(help="Only this view.")] = None,
    service: Annotated[str | None, typer.Option(help="Only the views of this service.")] = None,
    json: Json = False,
) -> None:
    """List every feature: meaning, unit, range, version.

    Also when it is available, by what key, and in which services. Works without a store; then it knows no versions.
    """
    from feature_repo.errors import Unreachable
    from ingestion.database.access import connect
    from ingestion.serving.feature_catalogue import feature_catalogue, stored_versions

    settings, versions = begin(), None
    try:
        with connect(settings.connections().postgres, purpose="features") as connection:
            versions = stored_versions(connection)
    except Unreachable as error:
        say(f"What is declared; versions and rows are not known. {error.what}.")
    views = feature_catalogue(versions or {}, view=view, service=service)
    if json:
        print_json([_view_document(catalogued) for catalogued in views])
        return
    for catalogued in views:
        _print_view(catalogued)
    features_told = counted(sum(len(catalogued.features) for catalogued in views), "feature")
    print_line(f"{features_told} in {counted(len(views), 'view')}. Nothing was changed.")


def _view_document(view: CataloguedView) -> dict[str, Any]:
    from dataclasses import asdict

    document = asdict(view)
    ttl = document.pop("ttl")
    return document | {"ttl_seconds": ttl.total_seconds() if ttl else None}


def _print_view(view: CataloguedView) -> None:
    facts = [f"by {', '.join(view.join_keys)}"] if view.join_keys else []
    facts += [f"from the request's {', '.join(view.inputs)}"] if view.inputs else []
    facts += [f"TTL {span(view.ttl)}"] if view.ttl else ["computed on demand"]
    print_wrapped(f"{view.name}: {view.description}")
    print_wrapped(f"{'; '.join(facts)}; in {', '.join(view.services) or 'no service'}")
    if newest := [feature.stored for feature in view.features if feature.stored]:
        print_line(
            f"{counted(newest[0].rows, 'change row')}, last computed {newest[0].last_computed_at:%Y-%m-%dT%H:%M:%SZ}"
        )
    headers = ["feature", "type", *(["version"] if newest else []), "description"]
    print_table(
        headers,
        [
            (
                feature.name,
                feature.dtype,
                *([feature.stored and feature.stored.version] if newest else []),
                feature.description,
            )
            for feature in view.features
        ],
        wrap=True,
    )
    print_line()
