"""The verb apply: bring Feast's registry up to feature_repo/."""

from __future__ import annotations

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line
from ingestion.cli.stores import begin, load_feast, stores


def apply(json: Json = False) -> None:
    """Bring Feast's registry up to feature_repo/. What `feast apply` does, under the run lock."""
    from dataclasses import asdict

    from feature_repo.postgres.postgres_errors import postgres_errors
    from ingestion.database.access import connect, hold_run_lock
    from ingestion.database.apply import apply_declarations

    connections = stores(begin())
    with (
        postgres_errors(f"Postgres at {connections.postgres.address}"),
        connect(connections.postgres, purpose="apply") as connection,
        hold_run_lock(connection, "apply"),
    ):
        load_feast(checks_types=True)
        result = apply_declarations(connections)
    if json:
        print_json(asdict(result))
        return
    for change in ("created", "updated", "deleted"):
        for name in getattr(result, change):
            print_line(f"{change:<8} {name}")
    changed = len(result.created) + len(result.updated) + len(result.deleted)
    print_line(f"{changed} objects changed, {result.unchanged} unchanged.")
