"""The verbs that prepare and copy the store: migrate, apply, materialize, features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.output import Json, Now, print_json, print_line, print_table, print_wrapped, progress_bar, say
from ingestion.cli.stores import begin, load_feast, prepared_stores, stores
from ingestion.wording import counted, span

if TYPE_CHECKING:
    from ingestion.serving.feature_catalogue import CataloguedView


def migrate(json: Json = False) -> None:
    """Bring the store's schema up to this version."""
    from ingestion.database.access import connect, translated_errors
    from ingestion.database.migrate import apply_migrations, create_registry

    postgres = stores(begin()).postgres
    with translated_errors(f"Postgres at {postgres.address}"):
        with connect(postgres, purpose="migrate") as connection:
            applied = apply_migrations(connection)
        registry = create_registry(postgres)
    if json:
        print_json({"applied": applied, "registry_created": registry})
        return
    for name in applied:
        print_line(f"applied  {name}")
    if registry:
        print_line("created  the tables of Feast's registry")
    print_line("The store is migrated." if applied or registry else "Nothing to do: the store is migrated.")


def apply(json: Json = False) -> None:
    """Bring Feast's registry up to feature_repo/. What `feast apply` does, under the run lock."""
    from dataclasses import asdict

    from ingestion.database.access import connect, hold_run_lock, translated_errors
    from ingestion.database.apply import apply_declarations

    connections = stores(begin())
    with (
        translated_errors(f"Postgres at {connections.postgres.address}"),
        connect(connections.postgres, purpose="apply") as connection,
        hold_run_lock(connection, "apply"),
    ):
        load_feast()
        result = apply_declarations(connections)
    if json:
        print_json(asdict(result))
        return
    for change in ("created", "updated", "deleted"):
        for name in getattr(result, change):
            print_line(f"{change:<8} {name}")
    changed = len(result.created) + len(result.updated) + len(result.deleted)
    print_line(f"{changed} objects changed, {result.unchanged} unchanged.")


def materialize(
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Write every key anew, over whatever stands there."),
    ] = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Copy to the online store what it lacks.

    Up to the last refresh. Refills a Redis that was emptied, set back or exchanged; with --rebuild, also one whose
    values others changed.
    """
    from ingestion.pipeline import run_materialize

    settings = begin(now)
    with progress_bar() as progress:
        done = run_materialize(prepared_stores(settings, create=False), rebuild=rebuild, progress=progress)
    online = done.summary.online
    if json:
        print_json({"run_id": done.run_id, "keys": online.document()})
        return
    print_table(["view", "keys written"], list(online.keys_written.items()))
    print_line()
    print_line(f"{counted(online.total, 'key')} written online in {done.summary.seconds:.1f} s.")


def features(
    view: Annotated[str | None, typer.Option(help="Only this view.")] = None,
    service: Annotated[str | None, typer.Option(help="Only the views of this service.")] = None,
    json: Json = False,
) -> None:
    """List every feature: meaning, unit, range, version.

    Also when it is available, by what key, and in which services. Works without a store; then it knows no versions.
    """
    from ingestion.database.access import connect
    from ingestion.errors import Unreachable
    from ingestion.serving.feature_catalogue import feature_catalogue, stored_versions

    settings, versions = begin(), None
    try:
        with connect(settings.connections().postgres, purpose="features") as connection:
            versions = stored_versions(connection)
    except Unreachable as error:
        say(f"What is declared; versions and rows are not known. {error.what}.")
    views = feature_catalogue(versions or {}, view=view, service=service)
    if json:
        print_json([_view_document(one) for one in views])
        return
    for one in views:
        _print_view(one)
    features_told = counted(sum(len(one.features) for one in views), "feature")
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
    if newest := [one.stored for one in view.features if one.stored]:
        print_line(
            f"{counted(newest[0].rows, 'change row')}, last computed {newest[0].last_computed_at:%Y-%m-%dT%H:%M:%SZ}"
        )
    headers = ["feature", "type", *(["version"] if newest else []), "description"]
    print_table(
        headers,
        [
            (one.name, one.dtype, *([one.stored and one.stored.version] if newest else []), one.description)
            for one in view.features
        ],
        wrap=True,
    )
    print_line()
