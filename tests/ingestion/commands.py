"""`pikkit` as a user runs it, in a process of its own, and what its tests look at afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql

from feature_repo.connections import Connections, feast_environment

PIKKIT = Path(sys.executable).with_name("pikkit")
STORE = ("raw", "processed", "quarantine", "features", "ops")
# A run that fails leaves its record here, and nothing anywhere else.
RECORDS = ("ops.runs", "ops.run_steps")


def pikkit(
    *arguments: str | Path, environ: Mapping[str, str], cwd: Path, prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run it to the end. `prefix` is a command that runs the command."""
    command = [*prefix, PIKKIT, *arguments]
    return subprocess.run(command, env=environ, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def environ_of(connections: Connections, home: Path, **differs: str) -> dict[str, str]:
    """The environment of somebody who works with these servers as servers of their own."""
    ours = {"REDIS_URL": connections.redis.url, "PIKKIT_HOME": str(home), "COLUMNS": "200"}
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


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A directory on a disk of its own, of this size. Skips the test where only an administrator could mount one."""
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        pytest.skip("a small disk takes root, to mount a tmpfs")
    directory = Path(tempfile.mkdtemp(prefix="pikkit-test-disk-"))
    directory.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(directory)]
    if (mounted := subprocess.run(mount, capture_output=True, text=True, check=False)).returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
        directory.rmdir()
