"""Trouble made on purpose, on real servers: a disk without room, a port without a server, a password, a pooler."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from feature_repo.servers.connections import Connections, Postgres
from ingestion.database.access import connect
from tests.rigs.databases import administer
from tests.rigs.processes import end, wait_until


def execute(postgres: Postgres, command: str) -> None:
    with psycopg.connect(**postgres.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL(command).format(database=sql.Identifier(postgres.database)))


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


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


@contextmanager
def on_disk(servers: Connections, disk: Path, template: Postgres) -> Iterator[Postgres]:
    """A copy of a database whose tables, temporary ones too, lie on this disk."""
    space = disk / "space"
    space.mkdir()
    owner = Path(servers.postgres.host).stat()
    os.chown(space, owner.st_uid, owner.st_gid)
    administer(servers.postgres, f"create tablespace small location '{space}'")
    administer(servers.postgres, "create database on_small_disk template {} tablespace small", template.database)
    try:
        yield dataclasses.replace(template, database="on_small_disk")
    finally:
        administer(servers.postgres, "drop database on_small_disk with (force)")
        administer(servers.postgres, "drop tablespace small")


@contextmanager
def a_role_with_a_password(servers: Connections) -> Iterator[str]:
    """A role that the server asks for its password. It trusts everybody else who reaches its socket."""
    role = "distrusted"
    with psycopg.connect(**servers.postgres.conninfo, autocommit=True) as connection:
        connection.execute(f"create role {role} login password 'correct'")
        hba = Path((connection.execute("show hba_file").fetchone() or ("",))[0])
        rules = hba.read_text()
        hba.write_text(f"local all {role} scram-sha-256\n{rules}")
        connection.execute("select pg_reload_conf()")
        try:
            wait_until(lambda: not is_let_in(servers.postgres, role))
            yield role
        finally:
            hba.write_text(rules)
            connection.execute("select pg_reload_conf()")
            connection.execute(f"drop role {role}")


def is_let_in(postgres: Postgres, role: str) -> bool:
    try:
        psycopg.connect(**postgres.conninfo | {"user": role, "password": "x"}).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def pooler(postgres: Postgres, mode: str) -> Iterator[Postgres]:
    """The same database through PgBouncer. Skips the test where that is not installed."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    pooled = dataclasses.replace(postgres, host="127.0.0.1", port=int(closed_port()), sslmode="disable")
    with tempfile.TemporaryDirectory(prefix="pikkit-test-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "users").write_text(f'"{postgres.user}" ""\n')
        (directory / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={postgres.host} port={postgres.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {pooled.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {directory}/users\npool_mode = {mode}\n"
        )
        owner = Path(postgres.host).owner() if os.geteuid() == 0 else None  # as root, PgBouncer refuses to run
        command = [program, directory / "pgbouncer.ini"]
        with subprocess.Popen(
            command, user=owner, group=owner, extra_groups=owner and [], stderr=subprocess.PIPE
        ) as process:
            try:
                assert process.stderr
                while b"process up" not in process.stderr.readline():
                    assert process.poll() is None
                yield pooled
            finally:
                end(process)


def terminate_session(postgres: Postgres, victim: psycopg.Connection) -> None:
    """End the victim's session at the server, and have the victim find out."""
    with connect(postgres, purpose="test", autocommit=True) as executioner:
        executioner.execute("select pg_terminate_backend(%s, 600000)", [victim.info.backend_pid])
    victim.execute("select 1")
