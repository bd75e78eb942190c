"""`pikkit` as a user runs it, in a process of its own, and what its tests look at afterwards."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import psycopg
import redis
from psycopg import sql

from feature_repo import clock
from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import feast_environment
from ingestion.doctor.doctor import Check
from tests.conftest import LENIENT_GATES
from tests.rigs.forked_commands import run_forked
from tests.rigs.processes import PATIENCE
from training.cli import execute

PIKKIT = Path(sys.executable).with_name("pikkit")
STORE = ("raw", "processed", "quarantine", "features", "ops")
# A run that fails leaves its record here, and nothing anywhere else.
RECORDS = ("ops.runs", "ops.run_steps", "ops.metrics", "ops.lineage_events")


def pikkit(
    *arguments: str | Path, environ: Mapping[str, str], cwd: Path, prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run it to the end. `prefix` is a command that runs the command."""
    if not prefix:
        return run_forked("pikkit", arguments, environ=environ, cwd=cwd)
    command = [*prefix, PIKKIT, *arguments]
    return subprocess.run(command, env=environ, cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE)


def pikkit_here(
    *arguments: str | Path, environ: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """The same in this process, where Feast is imported but once. It has no working directory of its own."""
    command, out, err = [str(argument) for argument in arguments], io.StringIO(), io.StringIO()
    clock.set_now(None)  # as in a process that has just begun
    try:
        with (
            mock.patch.dict(os.environ, environ, clear=True),
            mock.patch.object(sys, "stdin", io.StringIO(stdin)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            exit_code = execute(command)
    finally:
        clock.set_now(None)
    return subprocess.CompletedProcess(command, exit_code, out.getvalue(), err.getvalue())


def environ_of(connections: Connections, home: Path, **differs: str) -> dict[str, str]:
    """The environment of somebody who works with these servers as servers of their own."""
    ours = {"REDIS_URL": connections.redis.url, "PIKKIT_HOME": str(home), "PIKKIT_GATES": str(LENIENT_GATES)}
    return dict(os.environ) | feast_environment(connections) | ours | differs


def digests(connections: Connections) -> dict[str, object]:
    """A digest of every table of the store, and the keys of the online store."""
    with psycopg.connect(**connections.postgres.conninfo) as database:
        names = database.execute(
            "select schemaname, tablename from pg_tables where schemaname = any(%s)", [list(STORE)]
        ).fetchall()
        found: dict[str, object] = {}
        for schema, table in names:
            if (name := f"{schema}.{table}") not in RECORDS:
                rows = sql.SQL("select md5(string_agg(t::text, '' order by t::text)) from {} as t")
                found[name] = database.execute(rows.format(sql.Identifier(schema, table))).fetchone()
    with redis.Redis.from_url(connections.redis.url) as client:
        found["redis"] = sorted(client.keys())
    return found


def by_name(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def verdicts(checks: Iterator[Check]) -> dict[str, str]:
    return {check.name: check.verdict for check in checks if check.verdict != "ok"}
