"""The verb plan: what an apply would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.stores import begin, load_feast, stores

if TYPE_CHECKING:
    from ingestion.planning.plan import Plan

_REFUSED: Final = 3


def plan(
    base: Annotated[
        str | None,
        typer.Option(
            "--base", metavar="COMMIT", help="Compare with this commit, or a file of --declared; asks no store."
        ),
    ] = None,
    declared: Annotated[
        bool, typer.Option("--declared", help="Print what this code declares, as JSON, for --base; compare nothing.")
    ] = False,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the plan there too, for a comment.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what `pikkit apply` would change.

    Features, views and services with what differs, the features whose version counts up, the backfill that follows.
    Beside the store, or beside a commit with --base. Changes nothing. Exits 3 where the change would be refused: a
    published definition or list that was edited, tables that do not fit.
    """
    if declared:
        from ingestion.planning.declared_state import declared_state

        print_json(declared_state().document())
        return
    planned = _plan_for_store() if base is None else _plan_against(base)
    if markdown is not None:
        from ingestion.planning.markdown import write_markdown

        write_markdown(markdown, planned)
    if json:
        print_json(planned.document())
    else:
        _print(planned)
    if planned.refusals:
        raise typer.Exit(_REFUSED)


def _plan_against(base: str) -> Plan:
    from ingestion.planning.base import base_state
    from ingestion.planning.declared_state import declared_state
    from ingestion.planning.plan import plan_against

    description, before = base_state(base)
    return plan_against(description, before, declared_state())


def _plan_for_store() -> Plan:
    connections = stores(begin(), create=False)
    load_feast(checks_types=True)
    from ingestion.planning.store_plan import plan_for_store

    return plan_for_store(connections)


def _print(planned: Plan) -> None:
    from ingestion.planning.wording import change_lines, following_sentence, verdict_sentence, version_text

    print_line(f"Compared with {planned.base}.")
    for line in change_lines(planned):
        print_line(line)
    for step in planned.versions:
        print_line(f"counts up {version_text(step)}")
    if planned.refusals:
        print_line()
    for refusal in planned.refusals:
        print_wrapped(f"Would be refused: {refusal.what}. {refusal.next_step}.", hanging=2)
    print_line()
    if planned.steps:
        print_wrapped(f"Then: {', '.join(planned.steps)}. {following_sentence(planned)}".rstrip())
    print_line(f"{verdict_sentence(planned)} Nothing was changed.")
