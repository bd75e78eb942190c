"""A Supabase project for the tests: the real PostgREST on the tests' Postgres, behind a gateway that can fail.

supabase           a project on a blank database, pages capped at 1,000 rows as Supabase caps them
running_supabase   the same on any Postgres, with another cap

The roles and default rights are those of a new Supabase project: what is created in `public` is open to `anon`,
`authenticated` and `service_role` unless somebody closes it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from feature_repo.servers.connections import Connections, Postgres
from ingestion.database.access import connect
from ingestion.sources.settings import SupabaseProject
from tests.rigs.databases import temporary_database
from tests.rigs.gateway import ROLES, SECRET, Proxy, Upstream, running_proxy, send, token
from tests.rigs.processes import end, wait_until

BINARY: Final = Path(sys.executable).with_name("postgrest")
_SCRIPT: Final = Path(__file__).parents[2] / "docs" / "supabase.sql"
_LOGIN: Final = "authenticator"
# Runs a command that ends with the process that started it, however that ends.
_WITH_PARENT: Final = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.argv[1], sys.argv[1:])"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_project(servers: Connections) -> Iterator[Supabase]:
    """What all projects of a test process run on: starting PostgREST is the longest part of many a test."""
    with temporary_database(servers.postgres) as postgres, running_supabase(postgres) as project:
        yield project


@pytest.fixture
def supabase(shared_project: Supabase) -> Iterator[Supabase]:
    with running_proxy(shared_project.proxy.upstream) as proxy:
        yield Supabase(shared_project.postgres, proxy)
    _empty(shared_project)


def _empty(project: Supabase) -> None:
    """Make the project a new one: drop whatever a test has created in its database, and what is granted there."""
    others = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s and usename <> %s"
    schemas = "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'"
    with connect(project.postgres, purpose="test", autocommit=True) as connection:
        connection.execute(f"{others} and pid <> pg_backend_pid()", [project.postgres.database, _LOGIN])
        for (schema,) in connection.execute(schemas).fetchall():
            connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))
        connection.execute(
            "create schema public authorization pg_database_owner; grant usage on schema public to public"
        )
    make_roles(project.postgres)
    project.reload()


@dataclass(frozen=True)
class Supabase:
    """A project that runs: its database, and the gateway that clients talk to."""

    postgres: Postgres
    proxy: Proxy

    def project(self, role: str = "service_role", **differs: str) -> SupabaseProject:
        """How a client that has the key of this role is configured, for reading and for publishing.

        A role that is not the project's own needs one of the project's keys for the gateway.
        """
        values = {"key": token(role), "publish_key": token(role), "schema": "public", "table": "bets"}
        values["apikey"] = "" if role in ROLES else token("anon")
        return SupabaseProject(**{"url": self.proxy.url, **values, **differs})

    def environ(self, role: str = "service_role") -> dict[str, str]:
        """The same as environment variables."""
        project = self.project(role)
        return {
            "SUPABASE_URL": project.url,
            "SUPABASE_KEY": project.key,
            "SUPABASE_APIKEY": project.apikey,
            "SUPABASE_PUBLISH_KEY": project.publish_key,
        }

    def reload(self) -> None:
        """Have PostgREST look at the database again, and wait until it did: new tables are written to, and new
        functions called, only then. Reading a new table needs no reload.
        """
        marker = f"reloaded_{next(_numbers)}"
        with connect(self.postgres, purpose="test", autocommit=True) as connection:
            command = sql.SQL("create function public.{}() returns int language sql as 'select 1'")
            connection.execute(command.format(sql.Identifier(marker)))
            connection.execute("notify pgrst, 'reload schema'")
            wait_until(lambda: self.proxy.ask("GET", f"/rpc/{marker}") == 200)
            connection.execute(sql.SQL("drop function public.{}").format(sql.Identifier(marker)))


def install_functions(project: Supabase) -> None:
    """Section 3 of docs/supabase.sql, without the rights of its roles."""
    section = _SCRIPT.read_text().partition("-- ---- 3  ")[2].partition("-- ---- 4  ")[0].partition("revoke all")[0]
    with connect(project.postgres, purpose="test", autocommit=True) as connection:
        connection.execute(f"-- {section}".encode())
    project.reload()


@contextmanager
def running_supabase(
    postgres: Postgres, *, max_rows: int = 1000, schemas: str = "public", anon_role: str = "anon"
) -> Iterator[Supabase]:
    """A project on this Postgres. Its roles belong to the whole server, and stay."""
    make_roles(postgres)
    with (
        running_postgrest(postgres, max_rows=max_rows, schemas=schemas, anon_role=anon_role) as address,
        running_proxy(address) as proxy,
    ):
        yield Supabase(postgres, proxy)


@contextmanager
def running_postgrest(
    postgres: Postgres,
    *,
    max_rows: int = 1000,
    jwt_secret: str = SECRET,
    schemas: str = "public",
    anon_role: str = "anon",
) -> Iterator[Path]:
    """The real process, which is gone afterwards. Yields the Unix socket that it answers on."""
    if not BINARY.exists():
        missing = f"{BINARY} is missing; `make test` installs it"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    directory = Path(tempfile.mkdtemp(prefix="pikkit-rest-"))
    address, log = directory / "socket", directory / "log"
    login = postgres.conninfo | {"user": _LOGIN, "password": SECRET}
    settings = {
        "DB_URI": make_conninfo(**login),
        "DB_SCHEMAS": schemas,
        "DB_ANON_ROLE": anon_role,
        "DB_MAX_ROWS": str(max_rows),
        "JWT_SECRET": jwt_secret,
        "SERVER_UNIX_SOCKET": str(address),
        "LOG_LEVEL": "warn",
    }
    environ = {"PATH": os.environ["PATH"], **{f"PGRST_{name}": value for name, value in settings.items()}}
    with log.open("w") as output:
        command = [sys.executable, "-c", _WITH_PARENT, str(BINARY)]
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output, cwd=directory)
    try:
        wait_until(lambda: process.poll() is not None or _is_ready(address))
        assert process.poll() is None, f"PostgREST did not come up: {log.read_text()}"
        yield address
    finally:
        end(process)
        shutil.rmtree(directory)


def make_roles(postgres: Postgres) -> None:
    """The roles of a Supabase project, and what they may do in `public`."""
    role = "do $$ begin create role {} {}; exception when duplicate_object or unique_violation then null; end $$"
    with connect(postgres, purpose="test", autocommit=True) as connection:
        for name in ROLES:
            rights = "nologin noinherit bypassrls" if name == "service_role" else "nologin noinherit"
            connection.execute(sql.SQL(role).format(sql.Identifier(name), sql.SQL(rights)))
        login = sql.SQL("login noinherit password {}").format(SECRET)
        connection.execute(sql.SQL(role).format(sql.Identifier(_LOGIN), login))
        members = sql.SQL(", ").join(map(sql.Identifier, ROLES))
        connection.execute(sql.SQL("grant {} to {}").format(members, sql.Identifier(_LOGIN)))
        connection.execute(sql.SQL("grant usage on schema public to {}").format(members))
        for kind in ("tables", "sequences", "functions"):
            connection.execute(sql.SQL(f"grant all on all {kind} in schema public to {{}}").format(members))
            defaults = f"alter default privileges in schema public grant all on {kind} to {{}}"
            connection.execute(sql.SQL(defaults).format(members))


def _is_ready(address: Path) -> bool:
    try:
        return send(Upstream(address), "GET", "/", {}).status == 200
    except (FileNotFoundError, ConnectionError):
        return False  # it does not listen yet
