"""The verb features: every feature with its meaning, unit, range and version; one with its formula and history."""

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
    from feature_repo.bets.vocabulary_version import VocabularyVersion
    from ingestion.serving.feature_catalogue import CataloguedView, Feature, Version


def features(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Only this feature, with its formula and the versions it has had."),
    ] = None,
    view: Annotated[str | None, typer.Option(help="Only this view.")] = None,
    service: Annotated[str | None, typer.Option(help="Only the views of this service.")] = None,
    json: Json = False,
) -> None:
    """List every feature: meaning, unit, range, version.

    Also when it is available, by what key, and in which services. Works without a store; then it knows no versions.
    With a NAME, how it is computed, and each version that the store has had.
    """
    from feature_repo.bets.vocabulary_version import vocabulary_version
    from feature_repo.errors import Unreachable
    from ingestion.database.access import connect
    from ingestion.serving.feature_catalogue import feature_catalogue, stored_versions

    settings, versions, vocabulary = begin(), None, None
    try:
        with connect(settings.connections().postgres, purpose="features") as connection:
            versions = stored_versions(connection)
            vocabulary = vocabulary_version(connection) if versions else None
    except Unreachable as error:
        say(f"What is declared; versions and rows are not known. {error.what}.")
    views = feature_catalogue(versions or {}, feature=name, view=view, service=service)
    if json:
        print_json([_view_document(catalogued) for catalogued in views])
        return
    for catalogued in views:
        if name is None:
            _print_view(catalogued)
        else:
            for feature in catalogued.features:
                _print_feature(catalogued, feature)
    if vocabulary is not None and name is None:
        _print_vocabulary(vocabulary)
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
    newest = [feature.stored for feature in view.features if feature.stored]
    if newest and newest[0].rows is not None:
        print_line(
            f"{counted(newest[0].rows, 'change row')}, last computed {newest[0].last_computed_at:%Y-%m-%dT%H:%M:%SZ}"
        )
    if redefined := [feature.name for feature in view.features if feature.is_redefined]:
        print_wrapped(f"The store has another definition of {', '.join(redefined)}: {_next_step(view)}")
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


def _print_feature(view: CataloguedView, feature: Feature) -> None:
    """How one feature is computed, and what the store has had of it."""
    defined = feature.definition
    print_line(f"{view.name}:{feature.name}")
    print_wrapped(feature.description, indent=2)
    facts = {
        "formula": defined.formula + (f" (revision {defined.revision})" if defined.revision > 1 else ""),
        "values": defined.rows,
        "by": defined.key,
        "type": feature.dtype,
        "services": ", ".join(feature.services) or "none",
        "this code": f"version {defined.version}, definition {defined.digest[:12]}",
    }
    for fact, text in facts.items():
        print_wrapped(f"{fact:10}{text}", indent=2, hanging=10)
    if feature.is_redefined:
        print_wrapped(f"The store has another definition: {_next_step(view)}", indent=2)
    print_line()
    if feature.stored:
        _print_versions([feature.stored, *reversed(feature.replaced)])
        print_line()


def _print_versions(versions: list[Version]) -> None:
    """The versions that the store has had, newest first."""
    print_table(
        ["version", "definition", "mode", "rows", "computed"],
        [
            (
                each.version,
                each.definition[:12],
                each.mode,
                each.rows,
                _lifetime(each),
            )
            for each in versions
        ],
        wrap=True,
    )


def _lifetime(version: Version) -> str:
    first, last, replaced = (
        f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else "-"
        for at in (version.first_computed_at, version.last_computed_at, version.replaced_at)
    )
    by = f" by version {version.replaced_by}" if version.replaced_by else ""
    return f"{first} to {last}{f'; replaced {replaced}{by}' if version.replaced_at else ''}"


def _next_step(view: CataloguedView) -> str:
    return "run `pikkit backfill`." if view.ttl else "run `pikkit apply`."


def _print_vocabulary(vocabulary: VocabularyVersion) -> None:
    """How many names have a code."""
    columns = ", ".join(f"{column} {codes.highest_code:,}" for column, codes in vocabulary.columns.items())
    print_wrapped(f"Vocabulary: {counted(vocabulary.number, 'name')} ({columns}).")
