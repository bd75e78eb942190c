"""The verb lineage: where a feature or a model comes from, and what a run read and wrote.

It stands above ingestion, as what it tells of last are models.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_wrapped, terminal_width
from ingestion.cli.stores import begin
from ingestion.cli.tables import print_table
from ingestion.cli.trace.jobs import print_jobs
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.lineage.lineage_tree import NamedLineage
    from training.artefacts.model_store import KeptModel


def lineage(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="A feature (view:feature, or its name), a view, a service, or a column of a source."
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="What this run read and wrote; the beginning of its id will do."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="What this model rests on; `promoted` is the promoted one."),
    ] = None,
    dot: Annotated[bool, typer.Option("--dot", help="Print the graph of NAME or MODEL for Graphviz.")] = False,
    json: Json = False,
) -> None:
    """Show where a feature comes from, or what a run did.

    From the columns of a source over sums and measures to the feature, and which services and models have it, as the
    expressions themselves tell. Of a column: which features are made of it. Of a model: what it rests on. Without
    NAME: the views and services.
    """
    from feature_repo.errors import ConfigurationError

    asked_for = [thing for thing in (name, run, model) if thing is not None]
    if len(asked_for) > 1:
        raise ConfigurationError(
            "NAME is of a feature, view, service or column, --run of a run, --model of a model",
            "Nothing was done",
            "Give one of them",
        )
    if dot and (json or (name or model) is None):
        raise ConfigurationError(
            "--dot draws a NAME or a --model, and is no JSON", "Nothing was done", "Give one of them, without --json"
        )
    if run is not None:
        _show_run(run, as_json=json)
    elif name is None and model is None:
        _show_all(as_json=json)
    else:
        _show_named(*_lineage_of(name, model), as_json=json, as_dot=dot)


def _lineage_of(name: str | None, model: str | None) -> tuple[NamedLineage, list[KeptModel]]:
    """The lineage of what was named, and the models that rest on it: of a model itself, none."""
    from ingestion.lineage.lineage_tree import lineage_of, lineage_of_model
    from training.artefacts.model_store import ModelStore

    store = ModelStore.of_home(begin().home)
    if model is not None:
        named = store.model(model)
        data = named.manifest.data
        return lineage_of_model(named.name, data.service, list(data.features)), []
    traced = lineage_of(str(name))
    features = traced.features or [traced.made_of.name]
    return traced, [each for each in store.models() if not each.manifest.data.features.keys().isdisjoint(features)]


def _show_named(traced: NamedLineage, models: list[KeptModel], *, as_json: bool, as_dot: bool) -> None:
    from ingestion.lineage.lineage_tree import dot_lines

    if as_dot:
        for line in dot_lines(traced.made_of):
            print_line(line)
    elif as_json:
        print_json(
            {
                "name": traced.made_of.name,
                "kind": traced.made_of.kind,
                "lineage": traced.made_of.document(),
                "rows": traced.rows,
                "features": traced.features,
                "services": traced.services,
                "models": [each.name for each in models],
                "untraced": traced.untraced,
            }
        )
    else:
        _print_tree(traced, models)


def _print_tree(traced: NamedLineage, models: list[KeptModel]) -> None:
    from ingestion.lineage.lineage_tree import tree_lines

    for text, hanging in tree_lines(traced.made_of):
        print_line(textwrap.fill(text, terminal_width(), subsequent_indent=hanging, break_on_hyphens=False))
    print_line()
    if traced.made_of.kind == "source":
        print_wrapped(f"Features made of it, by value, key or time: {', '.join(traced.features) or 'none'}.", hanging=2)
    for view, columns in traced.rows.items():
        if columns and traced.made_of.kind != "source":
            print_wrapped(f"Keys and instants of {view}: {', '.join(columns)}.", hanging=2)
    for note in traced.untraced:
        print_wrapped(f"Not traced: {note}.", hanging=2)
    print_wrapped(f"Services: {', '.join(traced.services) or 'none'}.", hanging=2)
    if traced.made_of.kind != "model":
        names = (f"{each.name} (promoted)" if each.is_promoted else each.name for each in models)
        print_wrapped(f"Models: {', '.join(names) or 'none'}.", hanging=2)
    print_line("Nothing was changed.")


def _show_all(*, as_json: bool) -> None:
    from ingestion.lineage.column_lineage import column_lineage

    values = column_lineage().values
    parts = {
        kind: {node.name: [part.name for part in of] for node, of in values.items() if node.kind == kind}
        for kind in ("view", "service")
    }
    if as_json:
        print_json({"views": parts["view"], "services": parts["service"]})
        return
    rows = [(name, kind, len(features)) for kind, named in parts.items() for name, features in named.items()]
    print_table(["name", "kind", "features"], rows)
    print_line()
    print_line("`pikkit lineage NAME` shows where one comes from. Nothing was changed.")


def _show_run(text: str, *, as_json: bool) -> None:
    from dataclasses import asdict

    from ingestion.cli.stores import stores
    from ingestion.database.read_only import read_only_store
    from ingestion.lineage.recorded_lineage import recorded_lineage
    from ingestion.runs.run_ids import find_run

    connections = stores(begin(), create=False)
    with read_only_store(connections.postgres, purpose="lineage") as connection:
        run_id = find_run(connection, text)
        recorded = recorded_lineage(connection, run_id)
    if as_json:
        print_json({"run_id": run_id, **asdict(recorded)})
    else:
        print_jobs(recorded)
        print_line()
        print_line(f"{counted(recorded.events, 'event')} on record. Nothing was changed.")
