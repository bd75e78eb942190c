"""The verb migrate: bring the store's schema up to this version."""

from __future__ import annotations

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line
from ingestion.cli.stores import begin, stores


def migrate(json: Json = False) -> None:
    """Bring the store's schema up to this version."""
    from feature_repo.postgres.postgres_errors import postgres_errors
    from ingestion.database.access import connect
    from ingestion.database.migrate import apply_migrations, create_registry

    postgres = stores(begin()).postgres
    with postgres_errors(f"Postgres at {postgres.address}"):
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
