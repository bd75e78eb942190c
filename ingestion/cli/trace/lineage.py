"""The verb lineage: where a feature comes from, and what a run read and wrote."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_wrapped, terminal_width
from ingestion.cli.tables import print_table
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.lineage.lineage_tree import NamedLineage
    from ingestion.lineage.recorded_lineage import RecordedLineage, UsedDataset


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
    dot: Annotated[bool, typer.Option("--dot", help="Print the graph of NAME for Graphviz.")] = False,
    json: Json = False,
) -> None:
    """Show where a feature comes from, or what a run did.

    From the columns of a source over sums and measures to the feature, and which services have it, as the expressions
    themselves tell. Of a column: which features are made of it. Without NAME: the views and services.
    """
    from feature_repo.errors import ConfigurationError

    if run is not None and (name is not None or dot):
        raise ConfigurationError("--run is about a run, NAME about a feature", "Nothing was done", "Give one of them")
    if dot and (name is None or json):
        raise ConfigurationError(
            "--dot draws one NAME, and is no JSON", "Nothing was done", "Give a NAME, without --json"
        )
    if run is not None:
        _show_run(run, as_json=json)
    elif name is None:
        _show_all(as_json=json)
    elif dot:
        from ingestion.lineage.lineage_tree import dot_lines

        for line in dot_lines(name):
            print_line(line)
    else:
        _show_name(name, as_json=json)


def _show_name(name: str, *, as_json: bool) -> None:
    from ingestion.lineage.lineage_tree import lineage_of

    found = lineage_of(name)
    if as_json:
        print_json(
            {
                "name": found.made_of.name,
                "kind": found.made_of.kind,
                "lineage": found.made_of.document(),
                "rows": found.rows,
                "features": found.features,
                "services": found.services,
                "untraced": found.untraced,
            }
        )
        return
    _print_tree(found)


def _print_tree(found: NamedLineage) -> None:
    from ingestion.lineage.lineage_tree import tree_lines

    for text, hanging in tree_lines(found.made_of):
        print_line(textwrap.fill(text, terminal_width(), subsequent_indent=hanging, break_on_hyphens=False))
    print_line()
    if found.made_of.kind == "source":
        print_wrapped(f"Features made of it, by value, key or time: {', '.join(found.features) or 'none'}.", hanging=2)
    for view, columns in found.rows.items():
        if columns and found.made_of.kind != "source":
            print_wrapped(f"Keys and instants of {view}: {', '.join(columns)}.", hanging=2)
    for note in found.untraced:
        print_wrapped(f"Not traced: {note}.", hanging=2)
    print_wrapped(f"Services: {', '.join(found.services) or 'none'}. Nothing was changed.", hanging=2)


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

    from ingestion.cli.stores import begin, stores
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


def print_jobs(recorded: RecordedLineage) -> None:
    """What a run and its parts read and wrote, and where that was sent."""
    for job in recorded.jobs:
        print_line(f"{job.job}  {job.state}")
        for word, datasets in (("read", job.inputs), ("wrote", job.outputs)):
            for dataset in datasets:
                print_wrapped(f"{word:5}  {_dataset(dataset)}", indent=2, hanging=7)
    if not recorded.is_whole:
        print_wrapped("The rest is older than 90 days, and was dropped: these are the events that the gate reads.")
    for place in recorded.destinations:
        print_wrapped(f"To {place.destination}: {place.sent:,} sent, {place.waiting:,} waiting.")
    if not recorded.destinations:
        print_wrapped("Sent nowhere: OPENLINEAGE_URL and PIKKIT_LINEAGE_FILE were never set.")


def _dataset(dataset: UsedDataset) -> str:
    rows = "" if dataset.rows is None else f"  {counted(dataset.rows, 'row')}"
    return f"{dataset.namespace}  {dataset.name}{rows}"
