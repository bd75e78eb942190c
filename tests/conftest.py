"""Real servers for the tests: one embedded Postgres and Redis per test process, a fresh database per test.

connections    a migrated Postgres of the test's own, and an empty Redis logical database
postgres       only the Postgres; `database` is an open connection to it, `blank_postgres` a database without migrations
empty_redis    only the empty Redis
registry       `connections` whose Postgres has the tables of Feast's registry too
new_applied    as many stores as wanted, with the declarations of feature_repo/ applied
supabase       a Supabase project: the real PostgREST on a blank database, behind a gateway that can fail
environ        the variables that make a `pikkit` or `feast` subprocess use `connections`
now            the clock, stopped at this instant
real_sample    the file of real bets; a test that needs it is skipped where it is not there
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType

import hypothesis
import psycopg
import pytest

from feature_repo import clock
from feature_repo.servers.connections import Connections, Postgres, Redis
from feature_repo.servers.environment import feast_environment
from feature_repo.store import unchecked_types
from ingestion.database.access import connect
from ingestion.database.apply import apply_declarations
from ingestion.database.migrate import apply_migrations, create_registry
from ingestion.embedded import servers as embedded
from tests.rigs.databases import administer, create_database, disconnect, drop_database, emptied_redis
from tests.rigs.keeper import temporary_homes
from tests.rigs.supabase import shared_project, supabase

__all__ = ["shared_project", "supabase"]

REPOSITORY = Path(__file__).parents[1]
LENIENT_GATES = Path(__file__).with_name("lenient_gates.toml")
OUR_VARIABLES = (
    "PG",
    "PIKKIT_",
    "POSTGRES_",
    "REDIS_URL",
    "FEAST_",
    "SUPABASE_",
    "SOURCE_",
    "SYNC_",
    "KNOWN_AT_COLUMN",
    "OPENLINEAGE_",
    "ALERT_URLS",
    "PUSHGATEWAY_URL",
    "COLUMNS",
    "NO_COLOR",
    "FORCE_COLOR",
)

# Servers share two cores with the test: how long it takes to draw an example, and to try it, says nothing. What a test
# gets from fixtures is made once for all its examples.
hypothesis.settings.register_profile(
    "pikkit",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
# For `make test-fast`: few examples, the same each time.
hypothesis.settings.register_profile(
    "fast", hypothesis.settings.get_profile("pikkit"), max_examples=10, derandomize=True
)
hypothesis.settings.load_profile("pikkit")


def pytest_configure(config: pytest.Config) -> None:
    """Import Feast without its run-time type checks, as `pikkit` does. Those of forked commands are on."""
    stack = ExitStack()
    stack.enter_context(unchecked_types())
    config.add_cleanup(stack.close)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: an eighth of the time tests wait, for servers and for time to pass."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers or processes, for `make test-fast` to leave it out: nobody keeps a list of those.

    What takes long comes first: a worker takes the rest from another one, which is then done when it is.
    """
    for item in items:
        if isinstance(item, pytest.Function) and ("servers" in item.fixturenames or _uses_rigs(item.module)):
            item.add_marker("rig")
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What was imported until now stays: no garbage collection looks through it again. Tests are short: few are due."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@cache
def _uses_rigs(module: ModuleType) -> bool:
    """Whether the module has imported anything of tests/rigs/, or starts processes itself."""
    origins = {
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in vars(module).values()
    }
    return any(origin == "subprocess" or str(origin).startswith("tests.rigs.") for origin in origins)


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the developer's shell reaches a test, and no test leaves the clock stopped."""
    for name in os.environ:
        if name.startswith(OUR_VARIABLES):
            monkeypatch.delenv(name)
    yield
    clock.set_now(None)


@pytest.fixture
def now() -> datetime:
    instant = datetime(2026, 5, 24, 15, tzinfo=UTC)
    clock.set_now(instant)
    return instant


@pytest.fixture(scope="session")
def real_sample() -> Path:
    path = REPOSITORY.parent / "shared" / "data" / "real_bets_sample.parquet"
    if not path.exists():
        pytest.skip(f"the real sample is not at {path}")
    return path


# ---- servers -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def servers() -> Iterator[Connections]:
    """Both servers, in a home that goes away with the test process, in memory where there is room."""
    with temporary_homes() as homes:
        connections = embedded.start_servers(homes / "home")
        # A test's data need not survive a power cut. Each copy of a template is a checkpoint, after which a page would
        # go to the log whole.
        administer(connections.postgres, "alter system set fsync = off")
        administer(connections.postgres, "alter system set full_page_writes = off")
        # No database of a test lives long enough to need it.
        administer(connections.postgres, "alter system set autovacuum = off")
        administer(connections.postgres, "select pg_reload_conf()")
        yield connections


@pytest.fixture(scope="session")
def template(servers: Connections) -> Postgres:
    """A migrated database that every test gets a copy of."""
    postgres = create_database(servers.postgres, "migrated")
    with connect(postgres, purpose="test") as connection:
        apply_migrations(connection)
    return postgres


@pytest.fixture(scope="session")
def template_with_registry(template: Postgres) -> Postgres:
    """The same, with the tables of Feast's registry: building them imports Feast, which takes seconds."""
    postgres = create_database(template, "migrated_with_registry", template)
    create_registry(postgres)
    return postgres


@pytest.fixture(scope="session")
def applied_template(template_with_registry: Postgres, servers: Connections) -> Postgres:
    """The same, with the declarations of feature_repo/ applied: Feast takes most of a second for it."""
    postgres = create_database(servers.postgres, "applied", template_with_registry)
    with pytest.MonkeyPatch.context() as environment:
        for variable in feast_environment(servers):
            environment.setenv(variable, "")  # put back what an apply sets
        apply_declarations(Connections(postgres, servers.redis, embedded=False))
    # Every test copies its files: let them be few and small.
    with connect(postgres, purpose="test", autocommit=True) as connection:
        connection.execute("vacuum full")
    disconnect(postgres)
    return postgres


@pytest.fixture
def clone(servers: Connections) -> Iterator[Callable[[Postgres | None], Postgres]]:
    """Make a database of the test's own, as a copy of a template or blank; dropped after the test."""
    made: list[Postgres] = []

    def make(template: Postgres | None) -> Postgres:
        made.append(create_database(servers.postgres, template=template))
        return made[-1]

    yield make
    for postgres in made:
        drop_database(postgres)


@pytest.fixture
def blank_postgres(clone: Callable[[Postgres | None], Postgres]) -> Postgres:
    return clone(None)


@pytest.fixture
def postgres(clone: Callable[[Postgres | None], Postgres], template: Postgres) -> Postgres:
    return clone(template)


@pytest.fixture
def database(postgres: Postgres) -> Iterator[psycopg.Connection]:
    connection = connect(postgres, purpose="test")
    yield connection
    connection.close()


@pytest.fixture
def new_database(
    clone: Callable[[Postgres | None], Postgres], template: Postgres
) -> Callable[[], AbstractContextManager[psycopg.Connection]]:
    """Open connections to as many migrated databases as a test draws examples: undone, not made anew."""
    postgres = clone(template)

    @contextmanager
    def new_database() -> Iterator[psycopg.Connection]:
        with connect(postgres, purpose="test") as connection:
            yield connection
            connection.rollback()

    return new_database


@pytest.fixture
def empty_redis(servers: Connections) -> Redis:
    return emptied_redis(servers.redis)


@pytest.fixture
def new_connections(
    clone: Callable[[Postgres | None], Postgres], template: Postgres, servers: Connections
) -> Callable[[], Connections]:
    """As many stores as a test wants to compare."""
    return lambda: Connections(clone(template), emptied_redis(servers.redis), embedded=False)


@pytest.fixture
def connections(new_connections: Callable[[], Connections]) -> Connections:
    return new_connections()


@pytest.fixture
def registry(
    clone: Callable[[Postgres | None], Postgres], template_with_registry: Postgres, empty_redis: Redis
) -> Connections:
    return Connections(clone(template_with_registry), empty_redis, embedded=False)


@pytest.fixture
def new_applied(
    clone: Callable[[Postgres | None], Postgres], applied_template: Postgres, servers: Connections
) -> Callable[[], Connections]:
    return lambda: Connections(clone(applied_template), emptied_redis(servers.redis), embedded=False)


@pytest.fixture
def environ(connections: Connections, tmp_path: Path) -> dict[str, str]:
    ours = {"REDIS_URL": connections.redis.url, "PIKKIT_HOME": str(tmp_path / "home")}
    return dict(os.environ) | feast_environment(connections) | ours | {"PIKKIT_GATES": str(LENIENT_GATES)}
