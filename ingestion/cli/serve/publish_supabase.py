"""The verb publish-supabase: the latest values of each group, copied to the tables that dashboards read."""

from __future__ import annotations

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.stores import begin, stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted


def publish_supabase(json: Json = False) -> None:
    """Copy the latest values of each group to Supabase.

    To the tables that docs/supabase.sql makes there. Sends only rows that differ, and deletes those of groups that are
    gone. May be run again at any time; one that broke off is finished by the next.
    """
    from dataclasses import asdict

    from ingestion.serving.publish_supabase.publish import configured_project, publish_to_supabase

    settings = begin()
    project = configured_project(settings.sources)
    connections = stores(settings, create=False)
    with progress_bar() as progress:
        published = publish_to_supabase(
            connections.postgres, project, patience=settings.sources.patience, progress=progress
        )
    if json:
        print_json([asdict(table) for table in published])
        return
    print_table(
        ["table", "rows", "inserted", "updated", "unchanged", "deleted"],
        [
            (table.table, table.rows, table.inserted, table.updated, table.unchanged, table.deleted)
            for table in published
        ],
    )
    print_line()
    changed = sum(table.changed for table in published)
    what = f"{counted(changed, 'row')} changed" if changed else "Nothing changed"
    print_line(f"{what} in {project.schema} of {project.host}.")
