"""Bring a store's schema up to this code: the numbered files of `ingestion/sql/migrations`, each once, in order."""

from __future__ import annotations

import hashlib
from importlib import resources
from importlib.metadata import version
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from feature_repo.errors import ConfigurationError
from feature_repo.servers.connections import REGISTRY_SCHEMA, Postgres
from ingestion.database.access import advisory_lock, connect, statement

FOLDER = resources.files("ingestion").joinpath("sql", "migrations")

# The advisory lock of migrations. Any constant will do.
_LOCK = 7_745_548_072_115_291_138


class Migration(NamedTuple):
    """One file: its name without the suffix, its text, and the text's SHA-256."""

    name: str
    text: LiteralString
    digest: str


def apply_migrations(connection: psycopg.Connection) -> list[str]:
    """Apply what is pending, each migration in a transaction of its own. Returns the names of those applied.

    The connection has no transaction open. A failure leaves the migrations before it applied.
    """
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        raise ValueError("migrations commit one by one, so they need a connection with no transaction open")
    with advisory_lock(connection, _LOCK):
        with connection.transaction():
            connection.execute(statement("migrations_table"))
            todo = _pending(connection)
        for migration in todo:
            with connection.transaction():
                connection.execute(migration.text)
                connection.execute(statement("record_migration"), migration._asdict())
    return [migration.name for migration in todo]


def pending(connection: psycopg.Connection) -> list[str]:
    """The names of the migrations that this store has not seen, in order. Reads only."""
    with connection.transaction():
        return [migration.name for migration in _pending(connection)]


def check_migrated(connection: psycopg.Connection) -> None:
    """Raise ConfigurationError when migrations are pending. Reads only."""
    if missing := pending(connection):
        raise ConfigurationError(
            f"The store lacks migrations: {', '.join(missing)}",
            "Nothing was done",
            "Run `pikkit migrate`, then `pikkit apply`",
        )


def create_registry(postgres: Postgres) -> bool:
    """Create the tables of Feast's registry in the schema `feast`. False when they were there already.

    Feast does it by itself at its first start, but several first starts at once fail; here it is done once, and
    `feature_store.yaml` says `schema_mode: verify`.
    """
    note = f"Feast's registry, tables of feast {version('feast')}"
    schema = sql.Identifier(REGISTRY_SCHEMA)
    with connect(postgres, purpose="migrate", autocommit=True) as connection:
        # Feast takes seconds to import, so the schema remembers for which version it was made.
        if _registry_note(connection) == note:
            return False
        import feature_repo.feast_internals  # noqa: F401 (before the lock, for which others wait)

        with advisory_lock(connection, _LOCK):
            if _registry_note(connection) == note:
                return False
            connection.execute(sql.SQL("create schema if not exists {}").format(schema))
            _create_registry_tables(postgres)
            connection.execute(sql.SQL("comment on schema {} is {}").format(schema, sql.Literal(note)))
    return True


def _registry_note(connection: psycopg.Connection) -> str | None:
    row = connection.execute("select obj_description(to_regnamespace(%s))", [REGISTRY_SCHEMA]).fetchone()
    return row[0] if row else None


def _create_registry_tables(postgres: Postgres) -> None:
    from sqlalchemy import create_engine

    from feature_repo.feast_internals import registry_metadata

    engine = create_engine(postgres.sqlalchemy_url)
    try:
        registry_metadata.create_all(engine)
    finally:
        engine.dispose()


def _pending(connection: psycopg.Connection) -> list[Migration]:
    shipped = shipped_migrations()
    applied: dict[str, str] = {}
    if table_exists(connection, "ops.migrations"):
        applied = dict(connection.execute("select name, digest from ops.migrations").fetchall())
    if unknown := sorted(applied.keys() - {migration.name for migration in shipped}):
        raise ConfigurationError(
            f"The store has migrations that this version does not know: {', '.join(unknown)}",
            "Nothing was changed",
            "Install the version of pikkit-feature-store that made them, or a newer one",
        )
    if changed := [m.name for m in shipped if applied.get(m.name, m.digest) != m.digest]:
        raise ConfigurationError(
            f"Migrations were edited after this store applied them: {', '.join(changed)}",
            "Nothing was changed",
            "Restore the files and put the change into a new migration",
        )
    return [migration for migration in shipped if migration.name not in applied]


def shipped_migrations() -> list[Migration]:
    """The migrations of this code, in order."""
    texts = {
        file.name.removesuffix(".sql"): file.read_bytes() for file in FOLDER.iterdir() if file.name.endswith(".sql")
    }
    return [Migration(name, text.decode(), hashlib.sha256(text).hexdigest()) for name, text in sorted(texts.items())]


def table_exists(connection: psycopg.Connection, table: LiteralString) -> bool:
    """Whether the database has this table, named with its schema."""
    return connection.execute("select to_regclass(%s)", [table]).fetchone() != (None,)
