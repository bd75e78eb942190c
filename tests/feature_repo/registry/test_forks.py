"""Connections to Feast's registry, before a fork and after it."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import create_engine, text

from feature_repo.registry.forks import keep_connections_in_their_process
from feature_repo.servers.connections import Postgres


def test_forked_process_opens_a_separate_registry_connection(postgres: Postgres, tmp_path: Path) -> None:
    keep_connections_in_their_process()
    engine = create_engine(postgres.sqlalchemy_url)

    def session() -> str:
        with engine.connect() as connection:
            return str(connection.execute(text("select pg_backend_pid()")).scalar())

    before = session()
    if not (child := os.fork()):
        try:
            (tmp_path / "session").write_text(session())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "session").read_text() not in ("", before)
    assert session() == before
    engine.dispose()
