"""Trouble with the server becomes one of our errors; trouble with a statement passes as it is."""

from __future__ import annotations

import psycopg
import pytest

from feature_repo.errors import StoreFull, Unreachable
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Postgres
from tests.rigs.trouble import terminate_session


def test_session_that_the_server_ends_becomes_unreachable(database: psycopg.Connection, postgres: Postgres) -> None:
    with pytest.raises(Unreachable, match="terminating connection"), postgres_errors("Postgres"):
        terminate_session(postgres, database)


def test_full_disk_becomes_store_full(database: psycopg.Connection) -> None:
    """Postgres raises the very error that a full disk makes; filling a disk for a test needs root."""
    with pytest.raises(StoreFull, match="could not extend file"), postgres_errors("Postgres"):
        database.execute("do $$ begin raise 'could not extend file' using errcode = 'disk_full'; end $$")


@pytest.mark.parametrize(
    "mistake", ["select nonsense", "do $$ begin raise 'x' using errcode = 'deadlock_detected'; end $$"]
)
def test_error_of_a_faulty_statement_passes_untranslated(database: psycopg.Connection, mistake: str) -> None:
    with pytest.raises(psycopg.Error), postgres_errors("Postgres"):
        database.execute(mistake)  # type: ignore[call-overload]
